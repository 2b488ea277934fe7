"""Sessions of people in browsers: tokens stay here, the browser gets a cookie (SE-1 to SE-6)."""
