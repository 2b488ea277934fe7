prometheus: ## Install the Prometheus that tests dashboards and alerts
	@command -v promtool >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus >/dev/null; } || { echo "promtool is missing: run make prometheus as root, or apt-get install prometheus"; exit 1; }

.PHONY: prometheus
