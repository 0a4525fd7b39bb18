using FsCheck;
using FsCheck.Fluent;
using HostService.Infrastructure.Backend.Outbox;

namespace HostService.Tests.Unit.Database;

public sealed class OutboxQueueTests
{
    private static readonly RowKey A = new(RowKind.Mandelbox, "a");
    private static readonly RowKey B = new(RowKind.Mandelbox, "b");
    private readonly OutboxQueue _outbox = new();

    [Fact]
    public void The_newest_status_takes_the_place_of_the_older_one_and_goes_to_the_end()
    {
        _outbox.Put(new RowWrite(A, "RUNNING"));
        _outbox.Put(new RowWrite(B, "RUNNING"));
        _outbox.Put(new RowWrite(A, "DYING"));

        Assert.Equal([new RowWrite(B, "RUNNING"), new RowWrite(A, "DYING")], _outbox.Pending);
    }

    [Fact]
    public void A_row_that_is_to_go_stays_so()
    {
        _outbox.Put(new RowWrite(A, "RUNNING"));
        _outbox.Put(new RowWrite(A, null));
        _outbox.Put(new RowWrite(A, "DYING"));

        Assert.Equal([new RowWrite(A, null)], _outbox.Pending);
    }

    [Fact]
    public void A_removal_with_a_limit_gives_way_only_to_one_without()
    {
        var limited = new RowWrite(A, null, new Claim("i", "u"));
        _outbox.Put(limited);
        _outbox.Put(new RowWrite(A, "DYING"));
        Assert.Equal([limited], _outbox.Pending);

        _outbox.Put(new RowWrite(A, null));
        _outbox.Put(limited);
        Assert.Equal([new RowWrite(A, null)], _outbox.Pending);
    }

    [Fact]
    public void What_was_put_while_the_older_one_was_under_way_stays_pending()
    {
        var first = new RowWrite(A, "RUNNING");
        _outbox.Put(first);
        _outbox.Put(new RowWrite(A, "DYING"));

        _outbox.Complete(first);

        Assert.Equal("DYING", _outbox.Find(A)?.Status);
    }

    [Fact]
    public void An_instance_and_a_mandelbox_of_the_same_name_are_two_rows()
    {
        _outbox.Put(new RowWrite(A, "DYING"));
        _outbox.Put(new RowWrite(new RowKey(RowKind.Instance, "a"), "DRAINING"));

        Assert.Equal(2, _outbox.Count);
    }

    [Fact]
    public void Whatever_is_put_each_row_has_its_newest_write_pending_in_the_order_in_which_they_came()
    {
        var writes = Gen.Elements("RUNNING", "DYING", null)
            .SelectMany(status => Gen.Choose(0, 4).Select(row => new RowWrite(new RowKey(RowKind.Mandelbox, $"m{row}"), status))).ListOf();
        Prop.ForAll(writes.ToArbitrary(), all =>
        {
            var outbox = new OutboxQueue();
            foreach (var write in all)
            {
                outbox.Put(write);
            }

            // A row's first removal is its last word; otherwise its last write is.
            var expected = all.Select((write, index) => (write, index)).GroupBy(w => w.write.Row)
                .Select(g => g.Any(w => w.write.Removes) ? g.First(w => w.write.Removes) : g.Last())
                .OrderBy(w => w.index).Select(w => w.write);
            return outbox.Pending.SequenceEqual(expected);
        }).QuickCheckThrowOnFailure();
    }
}
