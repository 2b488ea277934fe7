redis: ## Install the Redis server that tests use
	@command -v redis-server >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq redis-server redis-sentinel >/dev/null; } || { echo "redis-server is missing: run make redis as root, or apt-get install redis-server redis-sentinel"; exit 1; }

.PHONY: redis
