"""The benchmark's schema, written as a user of bff would write it."""

from collections.abc import Sequence

import msgspec
import strawberry

from bff import Context, Upstream, batched, field, resolver

content = Upstream("content")
home = Upstream("home")


class WireUser(msgspec.Struct, frozen=True):
    id: int
    name: str
    email: str
    phone: str | None = None
    website: str | None = None


class WirePost(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    user_id: int
    title: str
    body: str


class WireItem(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    sku: str
    title: str
    description: str
    category: str
    price: float
    rating: float
    quantity: int
    views: float
    active: bool
    created_at: str
    owner_id: int | None = None


class WireMe(msgspec.Struct, frozen=True):
    id: int
    name: str
    email: str
    tier: str


class WireAuthor(msgspec.Struct, frozen=True):
    id: int
    name: str
    avatar: str


class WireProduct(msgspec.Struct, frozen=True):
    id: int
    name: str
    price: float
    currency: str
    stock: int | None = None


class WireFeedEntry(msgspec.Struct, frozen=True):
    id: int
    title: str
    excerpt: str
    likes: int
    author_id: int
    product_id: int


class WireCartLine(msgspec.Struct, frozen=True):
    sku: str
    qty: int
    price: float


class WireCart(msgspec.Struct, frozen=True):
    id: int
    total: float
    currency: str
    items: list[WireCartLine]


class WirePromo(msgspec.Struct, frozen=True):
    id: int
    title: str
    discount: int


class WireNotification(msgspec.Struct, frozen=True):
    id: int
    text: str
    read: bool
    at: str


all_posts = content.get("/posts", returns=list[WirePost])
users = content.batch("/users", ids="id", returns=list[WireUser], key="id")
all_items = content.get("/items", returns=list[WireItem])
my_self = home.get("/me", returns=WireMe)
my_feed = home.get("/feed", returns=list[WireFeedEntry])
authors = home.batch("/authors", ids="ids", returns=list[WireAuthor], key="id")
products = home.batch("/products", ids="ids", returns=list[WireProduct], key="id")
my_cart = home.get("/cart", returns=WireCart)
my_promos = home.get("/promos", returns=list[WirePromo])
my_notifications = home.get("/notifications", returns=list[WireNotification])


@resolver(calls=[all_posts])
async def get_posts(context: Context) -> list[WirePost]:
    return await all_posts(context)


@batched(calls=[users])
async def get_user(posts: Sequence[WirePost], context: Context) -> Sequence[WireUser | None | Exception]:
    return await users.many(context, [post.user_id for post in posts])


@resolver(calls=[all_items])
async def get_items(context: Context) -> list[WireItem]:
    return await all_items(context)


@resolver(calls=[my_self])
async def get_me(context: Context) -> WireMe:
    return await my_self(context)


@resolver(calls=[my_feed])
async def get_feed(context: Context) -> list[WireFeedEntry]:
    return await my_feed(context)


@batched(calls=[authors])
async def get_author(
    entries: Sequence[WireFeedEntry], context: Context
) -> Sequence[WireAuthor | None | Exception]:
    return await authors.many(context, [entry.author_id for entry in entries])


@batched(calls=[products])
async def get_product(
    entries: Sequence[WireFeedEntry], context: Context
) -> Sequence[WireProduct | None | Exception]:
    return await products.many(context, [entry.product_id for entry in entries])


@resolver(calls=[my_cart])
async def get_cart(context: Context) -> WireCart:
    return await my_cart(context)


@resolver(calls=[my_promos])
async def get_promos(context: Context) -> list[WirePromo]:
    return await my_promos(context)


@resolver(calls=[my_notifications])
async def get_notifications(context: Context) -> list[WireNotification]:
    return await my_notifications(context)


@strawberry.type
class User:
    id: int
    name: str
    email: str
    phone: str | None
    website: str | None


@strawberry.type
class Post:
    id: int
    user_id: int
    title: str
    body: str
    user: User | None = field(get_user)


@strawberry.type
class Item:
    id: int
    sku: str
    title: str
    description: str
    category: str
    price: float
    rating: float
    quantity: int
    views: float
    active: bool
    owner_id: int | None
    created_at: str


@strawberry.type
class Me:
    id: int
    name: str
    email: str
    tier: str


@strawberry.type
class Author:
    id: int
    name: str
    avatar: str


@strawberry.type
class Product:
    id: int
    name: str
    price: float
    currency: str
    stock: int | None


@strawberry.type
class FeedEntry:
    id: int
    title: str
    excerpt: str
    likes: int
    author: Author | None = field(get_author)
    product: Product | None = field(get_product)


@strawberry.type
class CartLine:
    sku: str
    qty: int
    price: float


@strawberry.type
class Cart:
    id: int
    total: float
    currency: str
    items: list[CartLine]


@strawberry.type
class Promo:
    id: int
    title: str
    discount: int


@strawberry.type
class Notification:
    id: int
    text: str
    read: bool
    at: str


@strawberry.type
class Query:
    @strawberry.field
    def greet(self) -> str:
        return "Hello World!"

    posts: list[Post] = field(get_posts)
    items: list[Item] = field(get_items)
    me: Me | None = field(get_me)
    feed: list[FeedEntry] | None = field(get_feed)
    cart: Cart | None = field(get_cart)
    promos: list[Promo] | None = field(get_promos)
    notifications: list[Notification] | None = field(get_notifications)


schema = strawberry.Schema(Query)
