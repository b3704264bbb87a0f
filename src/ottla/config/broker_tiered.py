"""Tiered storage: segments that move to an object store.

Columns: see `ottla.config.row`.
"""

ROWS = """
follower.fetch.last.tiered.offset.enable         BOOLEAN false - medium cluster tiered
remote.fetch.max.wait.ms                         INT     500 [1,...] medium cluster tiered
remote.list.offsets.request.timeout.ms           LONG    30000 [1,...] medium cluster tiered
remote.log.index.file.cache.total.size.bytes     LONG    1073741824 [1,...] low cluster tiered
remote.log.index.file.cache.ttl.ms               LONG    900000 [-1,...] low static tiered internal
remote.log.manager.copier.thread.pool.size       INT     10 [1,...] medium cluster tiered
remote.log.manager.copy.max.bytes.per.second     LONG    9223372036854775807 [1,...] medium cluster tiered
remote.log.manager.copy.quota.window.num         INT     11 [1,...] medium static tiered
remote.log.manager.copy.quota.window.size.seconds INT     1 [1,...] medium static tiered
remote.log.manager.expiration.thread.pool.size   INT     10 [1,...] medium cluster tiered
remote.log.manager.fetch.max.bytes.per.second    LONG    9223372036854775807 [1,...] medium cluster tiered
remote.log.manager.fetch.quota.window.num        INT     11 [1,...] medium static tiered
remote.log.manager.fetch.quota.window.size.seconds INT     1 [1,...] medium static tiered
remote.log.manager.follower.thread.pool.size     INT     2 [1,...] medium cluster tiered
remote.log.manager.task.interval.ms              LONG    30000 [1,...] low static tiered
remote.log.manager.task.retry.backoff.max.ms     LONG    30000 [1,...] low static tiered internal
remote.log.manager.task.retry.backoff.ms         LONG    500 [1,...] low static tiered internal
remote.log.manager.task.retry.jitter             DOUBLE  0.2 [0,...,0.5] low static tiered internal
remote.log.manager.thread.pool.size              INT     2 [1,...] medium static tiered
remote.log.metadata.custom.metadata.max.bytes    INT     128 [0,...] low static tiered
remote.log.metadata.manager.class.name           STRING  o.a.k.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager non-empty medium static tiered
remote.log.metadata.manager.class.path           STRING  - - medium static tiered
remote.log.metadata.manager.impl.prefix          STRING  rlmm.config. non-empty medium static tiered
remote.log.metadata.manager.listener.name        STRING  - non-empty medium static tiered
remote.log.reader.max.pending.tasks              INT     100 [1,...] medium static tiered
remote.log.reader.threads                        INT     10 [1,...] medium cluster tiered
remote.log.storage.manager.class.name            STRING  - non-empty medium static tiered
remote.log.storage.manager.class.path            STRING  - - medium static tiered
remote.log.storage.manager.impl.prefix           STRING  rsm.config. non-empty medium static tiered
remote.log.storage.system.enable                 BOOLEAN false - medium static no-tiered
"""  # noqa: E501
