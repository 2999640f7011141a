"""Experiments: how many labels each method needs, on the ActiveLab paper's data and on digits.

    datasets    what is labelled, by whom, and how good a model can be
    trained     a fold model that is examined on the test set
    strategies  how a round decides: what is learned, and what is asked next
    reference   cleanlab 2.9.0 as two such strategies: as it is, and counting right
    loop        the paper's loop: label, agree, train, score, ask
    results     the rounds of many runs: means, spreads, labels that a goal needs, JSON and CSV
    published   the paper's own curves
    plots       curves with bands beside the published ones
    options     what both commands take
    paper       the command: every method, many seeds, in parallel
    stream      the command: the same rounds through Kafka
    document    sections of documents; the command: those of docs/label-efficiency.md
    trust       the command: how trust ranks annotators, beside raw agreement and Dawid-Skene
    stopping    the command: what is wrong yet, as expected and in truth
    robust      the command: what robust mode changes
    crowds      recorded and generated labels, and models of them
    dawid_skene

Not part of the wheel. cleanlab (AGPL) is a development dependency; only ``reference`` imports it.
"""
