"""The transport stands on internals of Faust, mode and aiokafka; here is what it relies on.

When one of these sources changes, its test fails with what to review. If our code still holds
(read the change, run tests/integration/transport), put the new digest here.
"""

import hashlib
import inspect
import pkgutil
from pathlib import Path

import faust
import pytest

RUNS = "delivery by runs (consumer.py): what we replace or call around fetch, announce and ack"
COMMITS = "commits of runs (consumer.py): _filter_tps_with_pending_acks, _new_offset and _commit"
FETCH = "the fetch (fetch.py): nothing suspends in _drain, and positions are read beside records"
GROUP = "the group's generation (fetch.py): it is read and asked for across a freeze"
REBALANCE = "the order of a rebalance (consumer.py, recovery.py): revoke, take over, flow"
RECOVERY = "recovery (recovery.py): our tasks stand in for upstream's, our order for its order"
STORE = "the local state (store.py): the database, its offset key, and when it opens and closes"
SAY = "transactions (producers.py): batches, futures, commit, and the back-off between requests"
END = "the end of a process (app.py, worker.py): crash, stop, exit codes"

SOURCES = [
    # Faust's consumer and what feeds the agent.
    ("faust.transport.consumer:Fetcher", "c922e4ab78d9e296", RUNS),
    ("faust.transport.consumer:Consumer.__init__", "302410d59e6972d1", RUNS),
    ("faust.transport.consumer:Consumer._drain_messages", "44a2500309e83c63", RUNS),
    ("faust.transport.consumer:Consumer.getmany", "4b168d84882a70d6", RUNS),
    ("faust.transport.consumer:Consumer._wait_next_records", "6218e1969a636b3f", RUNS),
    ("faust.transport.consumer:Consumer.ack", "5fcf41cf45153475", RUNS),
    ("faust.transport.consumer:Consumer.track_message", "217d7f1399a4cd8e", RUNS),
    ("faust.transport.consumer:Consumer.wait_empty", "e4662fe24f094819", RUNS),
    ("faust.transport.consumer:Consumer.stop_flow", "cf7e875a2b0d40e8", RUNS),
    ("faust.transport.consumer:Consumer.resume_flow", "db59630f25b5819b", RUNS),
    ("faust.transport.consumer:Consumer._commit_livelock_detector", "af196ff46fd42a14", RUNS),
    ("faust.transport.consumer:Consumer.verify_all_partitions_active", "4e0e46f5c297305d", RUNS),
    ("faust.types.tuples:Message", "e8c4626e99192f7e", RUNS),
    ("faust.types.tuples:ConsumerMessage", "5edc45d571eb42a2", RUNS),
    ("faust.transport.conductor:Conductor", "56ed932b0cf415df", RUNS),
    ("faust.transport.conductor:ConductorCompiler", "f8bedb3d7dc2083d", RUNS),
    ("faust/transport/_cython/conductor.pyx", "dde1f974267881cf", RUNS),
    ("faust.streams:Stream.noack", "921a6f5c674d32d4", RUNS),
    ("faust.streams:Stream.events", "c62f4dd3a73fe7aa", RUNS),
    ("faust.streams:Stream._py_aiter", "3a48ee257a65435b", RUNS),
    ("faust.streams:Stream._c_aiter", "fa44582a5882e9df", RUNS),
    ("faust/_cython/streams.pyx", "0041622f4a251188", RUNS),
    ("mode.utils.queues:FlowControlEvent", "1da8f905ab655e39", RUNS),
    ("mode.utils.queues:FlowControlQueue", "15f15a87fd6de428", RUNS),
    # Commits.
    ("faust.transport.consumer:Consumer.commit", "a354437baaa08bf8", COMMITS),
    ("faust.transport.consumer:Consumer.force_commit", "cc094614d22c70fb", COMMITS),
    ("faust.transport.consumer:Consumer._commit_tps", "a20e230b05ae8b15", COMMITS),
    ("faust.transport.consumer:Consumer._filter_committable_offsets", "dc5e9baf5d994485", COMMITS),
    (
        "faust.transport.consumer:Consumer._filter_tps_with_pending_acks",
        "f6f9239774234e7e",
        COMMITS,
    ),
    ("faust.transport.consumer:Consumer._new_offset", "1d2c7ea89a7ad4f1", COMMITS),
    ("faust.transport.consumer:Consumer._should_commit", "5ce941793947ad42", COMMITS),
    ("faust.transport.consumer:Consumer._commit_offsets", "1a69799041188441", COMMITS),
    ("faust.transport.consumer:Consumer._commit_handler", "4e5da5df073082d6", COMMITS),
    ("faust.transport.consumer:ThreadDelegateConsumer._commit", "a20eec84e4b2ed50", COMMITS),
    (
        "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._commit",
        "932852ce7a23f658",
        COMMITS,
    ),
    # The thread and aiokafka's fetcher.
    (
        "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer",
        "c2701bfc3e6f6cad",
        FETCH,
    ),
    (
        "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._fetch_records",
        "39a2c6c79fc1455a",
        FETCH,
    ),
    ("faust.transport.consumer:ConsumerThread.on_partitions_assigned", "e59e8dda43724bd4", FETCH),
    ("mode.threads:QueueServiceThread.call_thread", "479edda75b54734b", FETCH),
    ("aiokafka.consumer.consumer:AIOKafkaConsumer.start", "2f1ba70443327538", FETCH),
    ("aiokafka.consumer.consumer:AIOKafkaConsumer.seek", "a9430f1f3b9ac419", FETCH),
    ("aiokafka.consumer.consumer:AIOKafkaConsumer.committed", "d8706147ab1573ad", FETCH),
    ("aiokafka.consumer.fetcher:Fetcher.fetched_records", "be4348896b9b66af", FETCH),
    ("aiokafka.consumer.fetcher:Fetcher._create_fetch_waiter", "61d840568746477e", FETCH),
    ("aiokafka.consumer.fetcher:Fetcher.seek_to", "f0ba6aba6c22ef83", FETCH),
    ("aiokafka.consumer.fetcher:FetchResult", "d7db13f06de8248c", FETCH),
    ("aiokafka.consumer.fetcher:PartitionRecords", "94aa0da0dbec8d1b", FETCH),
    ("aiokafka.consumer.subscription_state:SubscriptionState", "387f8a497901966d", FETCH),
    ("aiokafka.consumer.subscription_state:TopicPartitionState", "2b83334afadf6d98", FETCH),
    # The group.
    (
        "aiokafka.consumer.group_coordinator:GroupCoordinator._do_heartbeat",
        "dc1d6632aaa68e96",
        GROUP,
    ),
    (
        "aiokafka.consumer.group_coordinator:GroupCoordinator.reset_generation",
        "537aa37c531b4de9",
        GROUP,
    ),
    (
        "aiokafka.consumer.group_coordinator:GroupCoordinator._on_join_prepare",
        "4d9524afc0ee2c2f",
        GROUP,
    ),
    (
        "aiokafka.consumer.group_coordinator:GroupCoordinator._on_join_complete",
        "0b0b3d204b408f3c",
        GROUP,
    ),
    (
        "aiokafka.consumer.group_coordinator:GroupCoordinator.ensure_active_group",
        "33c84c1a93012e81",
        GROUP,
    ),
    # Rebalances.
    ("faust.transport.drivers.aiokafka:ConsumerRebalanceListener", "f3d04f29dfb3f716", REBALANCE),
    ("faust.transport.consumer:Consumer.on_partitions_revoked", "d04b7ae72c6fc206", REBALANCE),
    ("faust.transport.consumer:Consumer.on_partitions_assigned", "29ce96596f05a18c", REBALANCE),
    ("faust.app.base:App._on_partitions_revoked", "d5c895bbe57dc73a", REBALANCE),
    ("faust.app.base:App._on_partitions_assigned", "de932b7927db85b3", REBALANCE),
    ("faust.app.base:App._on_rebalance_when_stopped", "1b172d9af8ff4eb6", REBALANCE),
    ("faust.app.base:App.on_rebalance_start", "5c1e23de30674082", REBALANCE),
    ("faust.app.base:App.on_rebalance_end", "b7ff69e1e3772f30", REBALANCE),
    # Recovery and the table.
    ("faust.tables.recovery:Recovery.__init__", "acec96bd78fac09b", RECOVERY),
    ("faust.tables.recovery:Recovery.on_rebalance", "aa4d997a1795ceae", RECOVERY),
    ("faust.tables.recovery:Recovery._restart_recovery", "6bd8a8558a2dffe4", RECOVERY),
    ("faust.tables.recovery:Recovery._slurp_changelogs", "7825c7e50f766d5a", RECOVERY),
    ("faust.tables.recovery:Recovery.on_recovery_completed", "6ef567acf072e46d", RECOVERY),
    ("faust.tables.recovery:Recovery._publish_stats", "48939a846a9af3a6", RECOVERY),
    ("faust.tables.recovery:Recovery.on_stop", "766b9af50a72dc22", RECOVERY),
    ("faust.tables.manager:TableManager", "f6eed12883a36a91", RECOVERY),
    ("faust.tables.base:Collection._changelog_topic_name", "f341fe97037b4ac8", STORE),
    ("faust.tables.base:Collection.on_rebalance", "0812ad692171a8fd", STORE),
    ("faust.stores.rocksdb:Store", "062f48be75e112d1", STORE),
    ("faust.stores.rocksdb:RocksDBOptions", "73d441b66490f2fb", STORE),
    # The producer.
    ("aiokafka.producer.producer:AIOKafkaProducer.start", "bae900a5e83a6d97", SAY),
    ("aiokafka.producer.producer:AIOKafkaProducer.stop", "43ef97147111893b", SAY),
    ("aiokafka.producer.producer:AIOKafkaProducer.create_batch", "c4efda4bb7a09741", SAY),
    ("aiokafka.producer.producer:AIOKafkaProducer.send_batch", "bf42b0f0c5c0646d", SAY),
    ("aiokafka.producer.producer:AIOKafkaProducer.begin_transaction", "f5128199fc271ddc", SAY),
    ("aiokafka.producer.producer:AIOKafkaProducer.commit_transaction", "c7f9677c89413f97", SAY),
    ("aiokafka.producer.message_accumulator:BatchBuilder", "8050802ca7514186", SAY),
    ("aiokafka.producer.message_accumulator:MessageBatch", "36a7b1dac89d2910", SAY),
    ("aiokafka.producer.message_accumulator:MessageAccumulator", "562530971ca9bd19", SAY),
    ("aiokafka.producer.transaction_manager:TransactionManager", "d0932794d69a6780", SAY),
    ("aiokafka.producer.sender:Sender", "46ef144176b79ef8", SAY),
    ("aiokafka.producer.sender:AddPartitionsToTxnHandler", "112129b2ac04fe8e", SAY),
    ("aiokafka.producer.sender:EndTxnHandler", "47656efcfc994fbe", SAY),
    ("aiokafka.producer.sender:SendProduceReqHandler", "708c9da866caf440", SAY),
    # The end.
    ("faust.app.base:App.on_started", "c03627f2dc44a1dd", END),
    ("faust.app.base:App.on_stop", "bfe5a933defb2324", END),
    ("faust.app.base:App._stop_consumer", "55854a5de12c3f52", END),
    ("faust.app.base:App._create_directories", "a9f571c3b04abec3", END),
    ("faust.agents.agent:Agent._execute_actor", "c750b828d2bda93e", END),
    ("faust.worker:Worker", "16d15a2df64db2ac", END),
    ("mode.supervisors:CrashingSupervisor", "37e805f0af2149ce", END),
    ("mode.services:Service.crash", "14980000465df0af", END),
    ("mode.services:Service._crash", "7bc0c709a151d556", END),
    ("mode.services:Service.stop", "e17cd2b6bd01e861", END),
    ("mode.services:Service.wait_first", "feade6a31f8a6789", END),
    ("mode.threads:ServiceThread.stop", "32d026539c3665b2", END),
    ("mode.threads:ServiceThread._stopped_set", "af9b1ff7781223c2", END),
    ("mode.threads:ServiceThread._serve", "67809eae09573ac7", END),
    ("mode.worker:Worker", "3516372e0258ffed", END),
]


def source_of(place: str) -> str:
    """Return the text of a file of the package, or of an object ``module:qualified.name``."""
    if place.endswith(".pyx"):
        return (Path(faust.__file__).parent.parent / place).read_text()
    found = pkgutil.resolve_name(place)
    return inspect.getsource(getattr(found, "fun", found))  # a mode ServiceTask wraps its function


def digest_of(place: str) -> str:
    return hashlib.sha256(source_of(place).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("place", "read", "review"), SOURCES, ids=[place for place, _, _ in SOURCES]
)
def test_what_we_rely_on_is_as_it_was_read(place: str, read: str, review: str) -> None:
    digest = digest_of(place)

    assert digest == read, (
        f"{place} has changed upstream: review {review}. Its digest is now {digest}."
    )
