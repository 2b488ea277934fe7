"""The words the world is made of: people, streets, restaurants, and what customers write."""

from collections.abc import Mapping, Sequence
from typing import Final

from upstreams.simulation.model import Cuisine

_FIRST_NAMES: Final = """
    Lena Jonas Aylin Emre Mia Finn Sofia Noah Clara Mateo Hanna Elif Paul Ida Omar Greta Luis Nora Ben
    Zeynep Anton Marta Leon Amira Felix Johanna Kwame Lucia Tom Yuki Emil Rosa Karim Helena Oskar Priya
    Jakob Ines Samuel Thea Milan Frida Adrian Leyla Hugo Alma David Nadia Moritz Eva Tariq Pauline Viktor
    Carla Simon Mei Arthur Selma Julian Olga Rafael Charlotte Bruno Dilan Erik Fatima Konstantin Magda Henri
    Ayumi Theo Lotte Ivan Chiara Max Salma Philipp Ana Gregor Marlene
"""
FIRST_NAMES: Final = tuple(_FIRST_NAMES.split())

_LAST_NAMES: Final = """
    Vogt Yilmaz Schneider Kaya Fischer Nguyen Weber Rossi Becker Kowalski Hoffmann Santos Koch Haddad
    Richter Petrov Klein Okafor Wolf Demir Neumann Schwarz Tanaka Zimmermann Braun Aydin Krüger Hofmann
    Garcia Lange Werner Krause Novak Lehmann Sahin Köhler Maier Hermann Costa König Walter Huber Kaiser
    Fuchs Peters Silva Lang Scholz Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther Frank
    Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin
    Schumacher Ivanov Stein Jäger Otto Sommer Mensah
"""
LAST_NAMES: Final = tuple(_LAST_NAMES.split())

CITY: Final = "Berlin"
STREETS: Final = (
    "Kastanienallee", "Oranienstraße", "Bergmannstraße", "Schönhauser Allee", "Sonnenallee", "Torstraße",
    "Graefestraße", "Weserstraße", "Simon-Dach-Straße", "Kantstraße", "Akazienstraße", "Rosenthaler Straße",
    "Linienstraße", "Gneisenaustraße", "Boxhagener Straße", "Wrangelstraße", "Danziger Straße", "Pappelallee",
    "Reichenberger Straße", "Karl-Marx-Straße", "Goltzstraße", "Maybachufer", "Auguststraße", "Prinzenallee",
    "Müllerstraße", "Turmstraße", "Hermannstraße", "Raumerstraße", "Lychener Straße", "Stargarder Straße",
    "Eisenacher Straße", "Hauptstraße", "Rykestraße", "Kollwitzstraße", "Invalidenstraße", "Chausseestraße",
    "Skalitzer Straße", "Urbanstraße", "Pannierstraße", "Warschauer Straße", "Mainzer Straße", "Knesebeckstraße",
)  # fmt: skip

ADDRESS_LABELS: Final = ("Home", "Work", "Parents", "Studio")

RESTAURANT_NAMES: Final[Mapping[Cuisine, tuple[Sequence[str], Sequence[str]]]] = {
    Cuisine.ITALIAN: (
        ("Trattoria", "Osteria", "Pizzeria", "Ristorante", "Cucina"),
        (
            "Da Marco",
            "La Lanterna",
            "Bella Vita",
            "Il Cortile",
            "Sant'Elmo",
            "Nonna Pina",
            "Al Forno",
            "Tre Fontane",
        ),
    ),
    Cuisine.JAPANESE: (
        ("Sakura", "Hoshi", "Kaito", "Umi", "Tsuki", "Mori", "Akari", "Kumo"),
        ("Ramen", "Sushi", "Izakaya", "Kitchen", "Bar"),
    ),
    Cuisine.INDIAN: (
        ("Saffron", "Ganesha", "Taj", "Chandni", "Malabar", "Punjab", "Monsoon", "Lotus"),
        ("Palace", "Garden", "Tandoor", "Dhaba", "House"),
    ),
    Cuisine.MEXICAN: (
        ("Taquería", "Cantina", "La Casa de", "Cocina", "El Rincón de"),
        ("Frida", "Don Julio", "Lupita", "Oaxaca", "Jalisco", "Doña Rosa", "Santa Muerte", "Chilango"),
    ),
    Cuisine.THAI: (
        ("Baan", "Siam", "Chang", "Lemongrass", "Golden Lotus", "Mae Nam", "Bangkok", "Tuk Tuk"),
        ("Thai Kitchen", "Street Food", "Garden", "Noodle Bar", "Kitchen"),
    ),
    Cuisine.BURGERS: (
        ("Brick Lane", "Smokey Joe's", "Kreuzberg", "Double Decker", "Route 61", "Fat Cow", "Old Harbour", "Neon"),
        ("Burgers", "Grill", "Smash Bar", "Burger Club", "Diner"),
    ),
    Cuisine.VEGAN: (
        ("Green", "Wild", "Happy", "Root and", "Sprout", "Kale", "Sunny", "Little"),
        ("Fork", "Garden", "Kitchen", "Leaf", "Bowl"),
    ),
    Cuisine.BAKERY: (
        ("Bäckerei", "Backstube", "Boulangerie", "Patisserie", "Konditorei"),
        ("Morgenrot", "Zeit für Brot", "Petit Matin", "Hansen", "Sauerteig", "Goldkruste", "Mehlwurm", "Lindner"),
    ),
}

TWISTS: Final[Mapping[Cuisine, Sequence[str]]] = {
    Cuisine.ITALIAN: ("della casa", "al tartufo", "alla siciliana", "with burrata", "del giorno"),
    Cuisine.JAPANESE: ("large", "with egg", "with yuzu", "Tokyo style", "of the house"),
    Cuisine.INDIAN: ("Punjabi style", "with saffron", "of the house", "extra ginger", "home style"),
    Cuisine.MEXICAN: ("con aguacate", "de la casa", "Oaxaca style", "with extra salsa", "del mercado"),
    Cuisine.THAI: ("Bangkok style", "large", "with cashews", "of the house", "with extra basil"),
    Cuisine.BURGERS: ("XL", "deluxe", "with cheddar", "of the house", "with smoked salt"),
    Cuisine.VEGAN: ("of the season", "large", "with avocado", "gluten-free", "of the house"),
    Cuisine.BAKERY: ("of the house", "small", "with butter", "organic", "fresh from the oven"),
}

NOTES: Final = (
    "Please ring twice.",
    "Leave it at the door, thank you.",
    "Third floor, left.",
    "No onions, please.",
    "The bell is broken, please call.",
    "Extra napkins, please.",
    "Through the yard, second house.",
    "Not too hot, it is for children.",
)

OFFERS: Final = (
    ("Welcome: {percent} % off your first order", "WELCOME"),
    ("{percent} % off on rainy days", "RAIN"),
    ("Lunch for less: {percent} % off until 15:00", "LUNCH"),
    ("Weekend treat: {percent} % off", "WEEKEND"),
    ("{percent} % off for two dishes or more", "PAIR"),
    ("Late night: {percent} % off after 22:00", "NIGHT"),
    ("Thank you: {percent} % off for our regulars", "THANKS"),
    ("Gold week: {percent} % off everything", "GOLD"),
)

MESSAGES: Final = (
    ("Your order is on its way", "{courier} has picked it up at {restaurant} and is riding towards you."),
    ("How was {restaurant}?", "Tell others about it: two sentences are enough."),
    ("{restaurant} is back from holiday", "The kitchen is open again, with the dishes you know."),
    ("A new restaurant near you", "{restaurant} now delivers to your street."),
    ("Your receipt", "The receipt of your order at {restaurant} is ready."),
    ("We are sorry for the wait", "Your order from {restaurant} was late. The delivery fee is on us."),
    ("New on the menu", "{restaurant} has changed its menu. Have a look."),
    ("Your courier says thank you", "{courier} received your tip for the order from {restaurant}."),
)

OPENINGS: Final[Mapping[int, Sequence[str]]] = {
    5: ("Wonderful.", "The best in the neighbourhood.", "We order here every week.", "Could not be better.",
        "Exactly what I had hoped for.", "A small miracle on a Tuesday evening."),
    4: ("Very good.", "A safe choice.", "Really solid.", "Tasty and generous.", "We will be back.",
        "Better than I remembered."),
    3: ("All right.", "Good, not great.", "A mixed evening.", "Fine for a quick dinner.", "Average this time."),
    2: ("I had expected more.", "A pity.", "Used to be better.", "Not our day.", "Rather disappointing."),
    1: ("Never again.", "Sadly a failure.", "I do not understand the good reviews.", "A waste of an evening."),
}  # fmt: skip

DETAILS: Final[Mapping[int, Sequence[str]]] = {
    5: ("The {dish} was perfect", "The {dish} tasted like on holiday", "I dream of the {dish}",
        "My children fought over the {dish}", "You have to try the {dish}"),
    4: ("The {dish} was full of flavour", "I liked the {dish} a lot", "The {dish} was well seasoned",
        "Good {dish}, and plenty of it"),
    3: ("The {dish} was fine", "The {dish} needed a little salt", "The {dish} was smaller than last time",
        "The {dish} was decent"),
    2: ("The {dish} was lukewarm", "The {dish} had hardly any taste", "The {dish} was far too salty",
        "The {dish} was soggy"),
    1: ("The {dish} was cold", "The {dish} was burnt", "Instead of the {dish} I got something else",
        "The {dish} was inedible"),
}  # fmt: skip

CLOSINGS: Final[Mapping[int, Sequence[str]]] = {
    5: ("and it came hot.", "and the courier was ten minutes early.", "and the portions are huge.",
        "and the price is more than fair.", "thank you!"),
    4: ("and delivery was on time.", "though the sauce could be bolder.", "and well packed.",
        "only the wait was a bit long."),
    3: ("but delivery took its time.", "the rest was good.", "and the price is fair.",
        "maybe the kitchen was busy."),
    2: ("and half an hour late.", "and the sauce had leaked.", "for that price I expect more.",
        "and the fries were missing."),
    1: ("and it took ninety minutes.", "and nobody answered the phone.", "and half of it was missing.",
        "I asked for my money back."),
}  # fmt: skip
