"""What watches a deployment: Prometheus with its rules, Grafana with its dashboards.

    python -m deploy

writes anew what is made of the metrics' declarations: the dashboards, and docs/metrics.md.
"""
