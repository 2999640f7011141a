"""The dashboards: which panels they have, and what each of them asks."""

from deploy.grafana.queries import (
    Dashboard,
    Panel,
    at_instances,
    number,
    rate,
    spread,
    state,
    took,
)

NO_PROJECT = "no project yet"
NO_CLOCK = ", or none with a clock"
NO_OVERLAP = ", or no labels to tell by"

CAMPAIGN = Dashboard(
    "campaign",
    "How far the labelling is, what it costs, and what is left.",
    (
        number(
            "Projects",
            "Those with settings, on all workers.",
            'count(max by (project) (activelab_project_info{job="$job"})) or vector(0)',
        ),
        number("Items", "That exist and are not excluded.", state("activelab_items")),
        number("Labels", "That count.", state("activelab_labels")),
        number(
            "Done",
            "Share of items that need no more labels, at the last window.",
            state("activelab_progress_items", where='progress="done"')
            + " / "
            + state("activelab_progress_items"),
            "percentunit",
        ),
        number(
            "Wrong labels left",
            "Consensus labels that the last window expects to be wrong, all items together.",
            state("activelab_expected_wrong_labels"),
            unless=NO_OVERLAP,
        ),
        number("Windows", "Closed so far.", state("activelab_windows_total")),
        number(
            "Next window",
            "Until the next boundary of the clock; negative, it is late. Of the first one due.",
            "min(" + state("activelab_next_boundary_timestamp_seconds", "project") + ") - time()",
            "s",
            unless=NO_CLOCK,
        ),
        number(
            "Budget left",
            "Selections until the next boundary.",
            state("activelab_budget_left"),
        ),
        Panel(
            "Budget used",
            "Selections since the last boundary, and how many there may be.",
            {
                "used by {{project}}": state("activelab_budget", "project")
                + " - "
                + state("activelab_budget_left", "project"),
                "budget of {{project}}": state("activelab_budget", "project"),
            },
        ),
        Panel(
            "Selections by reason",
            "Items selected so far: first labels, and more labels for items that have some.",
            {"{{reason}}": state("activelab_selections_total", "reason")},
            stacked=True,
        ),
        Panel(
            "Progress",
            "Items at the last window: done ones need no more labels, contested ones an expert.",
            {"{{progress}}": state("activelab_progress_items", "progress")},
            stacked=True,
        ),
        Panel(
            "Wrong labels left",
            "Consensus labels that are expected to be wrong, of items with and without a label.",
            {"{{items}}": state("activelab_expected_wrong_labels", "items")},
            stacked=True,
            unless=NO_OVERLAP,
        ),
        Panel(
            "Gain of a label",
            "Wrong consensus labels that a label of a selected item is expected to put right. Stop "
            "when it costs more than it is worth.",
            {"{{project}}": state("activelab_expected_gain_per_label", "project")},
            unless=NO_OVERLAP,
        ),
        Panel(
            "Quality of consensus",
            "Of labelled items, at the last window.",
            spread("activelab_consensus_quality"),
            "percentunit",
            most=1,
        ),
        Panel(
            "Labels a minute",
            "How fast the labels that count increase.",
            {
                "{{project}}": "60 * max by (project) "
                '(deriv(activelab_labels{job="$job", project=~"$project"}[5m]))'
            },
        ),
        Panel(
            "Labels by annotator's flag",
            "Whose labels they are, at the last fit.",
            {"{{flag}}": state("activelab_annotator_labels", "flag")},
            stacked=True,
        ),
        Panel(
            "On lease, and not counted",
            "Items that wait for the answer to a selection; facts whose label, model or classes "
            "the project's settings lack.",
            {
                "on lease": state("activelab_open_leases"),
                "lacks {{lacks}}": state("activelab_dormant_facts", "lacks"),
            },
        ),
        Panel(
            "Models: errors",
            "Share of overlapping items where a model contradicts the majority, and that of who "
            "draws classes at random.",
            {
                "{{project}} {{model}}": state("activelab_model_error_ratio", "project", "model"),
                "chance in {{project}}": "1 - 1 / " + state("activelab_classes", "project"),
            },
            "percentunit",
            most=1,
        ),
        Panel(
            "Models: weight",
            "w_M at the last fit, beside which annotators weigh 1 at most.",
            {"{{project}} {{model}}": state("activelab_model_weight", "project", "model")},
        ),
        Panel(
            "Models: temperature",
            "At 1 a model is as sure as it may be; above, it is too sure. At the end of its range "
            "it does not fit the labels at all.",
            {"{{project}} {{model}}": state("activelab_model_temperature", "project", "model")},
        ),
    ),
    {"project": 'label_values(activelab_project_info{job="$job"}, project)'},
    NO_PROJECT,
)

ANNOTATORS = Dashboard(
    "annotators",
    "How far annotators are to be trusted, as of the last fit; names are in annotator-trust.v1.",
    (
        number("Annotators", "Whose labels count.", state("activelab_annotators"), width=6),
        number(
            "Flagged",
            "Below the model or worse than chance.",
            state("activelab_annotators", where='flag=~"below the model|worse than chance"'),
            width=6,
        ),
        number(
            "Labels of the flagged",
            "Share of the labels that count.",
            state("activelab_annotator_labels", where='flag=~"below the model|worse than chance"')
            + " / ("
            + state("activelab_annotator_labels")
            + " > 0)",
            "percentunit",
            6,
        ),
        number(
            "Overlapping items",
            "Items with two labels or more: all that is said of annotators rests on them.",
            state("activelab_overlapping_items"),
            width=6,
        ),
        Panel(
            "Annotators by flag",
            "docs/trust.md says what to do about each.",
            {"{{flag}}": state("activelab_annotators", "flag")},
            stacked=True,
            width=12,
        ),
        Panel(
            "Labels by flag",
            "How much of the consensus is whose.",
            {"{{flag}}": state("activelab_annotator_labels", "flag")},
            stacked=True,
            width=12,
        ),
        Panel(
            "Weight",
            "w_j: what a label counts for. A newcomer has half of what they may earn.",
            spread("activelab_annotator_weight"),
            most=1,
        ),
        Panel(
            "Agreement",
            "s_j: share of comparisons with others' labels that agree.",
            spread("activelab_annotator_agreement"),
            "percentunit",
            most=1,
        ),
        Panel(
            "Labels each",
            "How many labels of an annotator count.",
            spread("activelab_labels_per_annotator"),
        ),
        Panel(
            "Annotators by weight",
            "How many have which weight.",
            {"{{le}}": state("activelab_annotator_weight_bucket", "le")},
            kind="heatmap",
            width=12,
        ),
        Panel(
            "Annotators by agreement",
            "How many agree with others how often.",
            {"{{le}}": state("activelab_annotator_agreement_bucket", "le")},
            kind="heatmap",
            width=12,
        ),
    ),
    {"project": 'label_values(activelab_project_info{job="$job"}, project)'},
    NO_PROJECT,
)

SERVICE = Dashboard(
    "service",
    "Whether workers keep up, and what hinders them.",
    (
        number(
            "Workers ready",
            "That serve what they were given.",
            f"sum({at_instances('activelab_ready')})",
            width=4,
        ),
        number(
            "Partitions unowned",
            "Those that no worker serves.",
            state("activelab_partitions")
            + f" - ({state('activelab_partition_owned')} or vector(0))",
            width=4,
        ),
        number(
            "Events a second", "Accepted, won or stale.", rate("activelab_events_total"), width=4
        ),
        number("Lag", "Records that wait.", state("activelab_lag_records"), width=4),
        number(
            "Rejected",
            "Records and rows that became dead letters, since the workers started.",
            f"sum({at_instances('activelab_dead_letters_total')})",
            width=4,
        ),
        number(
            "Last start",
            "How long the worker that started last has been running.",
            f"time() - max({at_instances('process_start_time_seconds')})",
            "s",
            4,
        ),
        Panel(
            "Events",
            "A second, by type.",
            {"{{type}}": rate("activelab_events_total", "type")},
            stacked=True,
        ),
        Panel(
            "Stale events",
            "Share of events that were not newer than what was known: replays, duplicates.",
            {
                "stale": f'sum(rate(activelab_events_total{{job="$job", instance=~"$instance", '
                f'outcome="stale"}}[$__rate_interval])) / ({rate("activelab_events_total")} > 0)'
            },
            "percentunit",
            most=1,
        ),
        Panel(
            "Dead letters",
            "A second, by reason.",
            {"{{reason}}": rate("activelab_dead_letters_total", "reason") + " > 0"},
            stacked=True,
        ),
        Panel(
            "Lag by source",
            "Records that wait.",
            {"{{topic}}": state("activelab_lag_records", "topic")},
            stacked=True,
        ),
        Panel(
            "Pinned",
            "Records behind a transaction that somebody has open; for long, they are stuck.",
            {
                "{{topic}} {{partition}}": state("activelab_pinned_records", "topic", "partition")
                + " > 0"
            },
        ),
        Panel(
            "Latency",
            "From the broker's timestamp of a run's oldest record until all of it is durable.",
            took("activelab_event_latency_seconds"),
            "s",
        ),
        Panel(
            "Windows: duration",
            "Time that a close takes to decide.",
            took("activelab_window_duration_seconds"),
            "s",
        ),
        Panel(
            "Closes",
            "A second, by outcome: windows, no-ops and refusals.",
            {"{{outcome}}": rate("activelab_closes_total", "outcome") + " > 0"},
        ),
        Panel(
            "Transactions: duration",
            "From begin until committed.",
            took("activelab_transaction_duration_seconds"),
            "s",
        ),
        Panel(
            "Partitions",
            "How many each worker owns.",
            {"{{instance}}": f"count by (instance) ({at_instances('activelab_partition_owned')})"},
            stacked=True,
        ),
        Panel(
            "Rebalances",
            "Take-overs that came to their end, by worker.",
            {
                "{{instance}}": f"sum by (instance) ("
                f"{at_instances('activelab_takeover_duration_seconds_count')})"
            },
        ),
        Panel(
            "Recovery",
            "Mean duration of the take-overs since a worker started: fence, recover, rebuild.",
            {
                "{{instance}}": f"{at_instances('activelab_takeover_duration_seconds_sum')} / "
                f"({at_instances('activelab_takeover_duration_seconds_count')} > 0)"
            },
            "s",
        ),
        Panel(
            "Memory",
            "Resident, by worker.",
            {
                "{{instance}}": "max by (instance) "
                f"({at_instances('process_resident_memory_bytes')})"
            },
            "bytes",
        ),
        Panel(
            "Processor",
            "Cores that are busy, by worker.",
            {"{{instance}}": rate("process_cpu_seconds_total", "instance")},
        ),
        Panel(
            "Facts of nobody's projects",
            "They wait for a project's settings.",
            {"facts": state("activelab_stranger_facts")},
        ),
    ),
    {"instance": 'label_values(activelab_partitions{job="$job"}, instance)'},
)

DASHBOARDS = (CAMPAIGN, ANNOTATORS, SERVICE)
