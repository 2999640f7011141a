"""Dashboards as code.

queries   what panels are made of, and the ways of asking Prometheus
pages     the dashboards: which panels they have, and what each of them asks
layout    the JSON that Grafana is given
"""
