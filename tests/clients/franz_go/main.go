// Transactions by franz-go: commit, abort, offsets through a group's session, fencing by a second client of the
// same id. Prints one JSON object. Arguments: bootstrap, source topic, sink topic, group, transactional id.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func client(options ...kgo.Opt) *kgo.Client {
	base := []kgo.Opt{kgo.SeedBrokers(os.Args[1]), kgo.RecordPartitioner(kgo.ManualPartitioner())}
	found, err := kgo.NewClient(append(base, options...)...)
	must(err)
	return found
}

func write(ctx context.Context, to *kgo.Client, topic, value string) {
	must(to.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr())
}

// read takes so many records of partition 0 from its start.
func read(ctx context.Context, topic string, level kgo.IsolationLevel, count int) []string {
	from := map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}
	reader := client(kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(level))
	defer reader.Close()
	found := []string{}
	for len(found) < count {
		fetches := reader.PollFetches(ctx)
		must(fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) { found = append(found, string(r.Value)) })
	}
	return found
}

// session consumes three records, writes one for them and ends the transaction.
func session(ctx context.Context, source, sink, group, id, value string, end kgo.TransactionEndTry) bool {
	member, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(os.Args[1]), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(id),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(source), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RequireStableFetchOffsets(),
	)
	must(err)
	defer member.Close()
	for seen := 0; seen < 3; {
		fetches := member.PollFetches(ctx)
		must(fetches.Err())
		seen += fetches.NumRecords()
	}
	must(member.Begin())
	must(member.ProduceSync(ctx, &kgo.Record{Topic: sink, Value: []byte(value)}).FirstErr())
	committed, err := member.End(ctx, end)
	must(err)
	return committed
}

func main() {
	source, sink, group, id := os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	seen := map[string]any{}
	plain := client(kgo.TransactionalID(id + "-plain"))
	for _, value := range []string{"a", "b", "c"} {
		must(plain.BeginTransaction())
		write(ctx, plain, source, value)
		must(plain.EndTransaction(ctx, kgo.TransactionEndTry(value != "b")))
	}
	must(plain.BeginTransaction())
	write(ctx, plain, source, "d")
	must(plain.EndTransaction(ctx, kgo.TryCommit))
	plain.Close()
	seen["read_committed"] = read(ctx, source, kgo.ReadCommitted(), 3)
	seen["read_uncommitted"] = read(ctx, source, kgo.ReadUncommitted(), 4)
	seen["session aborted"] = !session(ctx, source, sink, group, id+"-session", "aborted", kgo.TryAbort)
	seen["session committed"] = session(ctx, source, sink, group, id+"-session", "committed", kgo.TryCommit)

	first, second := client(kgo.TransactionalID(id)), client(kgo.TransactionalID(id))
	must(first.BeginTransaction())
	write(ctx, first, sink, "of the first")
	must(second.BeginTransaction())
	write(ctx, second, sink, "of the second")
	must(second.EndTransaction(ctx, kgo.TryCommit))
	err := first.EndTransaction(ctx, kgo.TryCommit)
	seen["fenced"] = errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch)
	seen["sink"] = read(ctx, sink, kgo.ReadCommitted(), 2)
	first.CloseAllowingRebalance()
	second.Close()
	must(json.NewEncoder(os.Stdout).Encode(seen))
}
