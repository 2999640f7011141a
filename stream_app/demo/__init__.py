"""The demo: simulated annotators label handwritten digits, method beside method, through Kafka.

crowd      simulated annotators of stated skill
digits     what they label: scikit-learn's digits, with a held-out set
processes  worker and trainers, each a process that ends with this one
rounds     one project's rounds, through the topics
report     what is told of them at the end; `plot` draws it
stage      puts all of this together
"""
