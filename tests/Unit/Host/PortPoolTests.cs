using HostService.Grains.Host;

namespace HostService.Tests.Unit.Host;

public sealed class PortPoolTests
{
    private static PortPool Pool(IEnumerable<ushort>? reserved = null, Func<ushort, bool>? isFree = null) =>
        new(reserved ?? [], isFree ?? (_ => true), new Random(1));

    [Fact]
    public void Every_port_of_the_range_is_given_once_before_the_pool_is_exhausted()
    {
        var pool = Pool([4678]);
        var given = new HashSet<ushort>();
        for (var i = 0; i < pool.Capacity; i++)
        {
            Assert.Equal(PortRefusal.None, pool.TryAcquire("m", out var port));
            Assert.True(given.Add(port));
        }

        Assert.Equal(PortRefusal.Exhausted, pool.TryAcquire("m", out _));
        Assert.Equal(49151 - 1025 - 1, given.Count);
        Assert.DoesNotContain((ushort)4678, given);
        Assert.All(given, port => Assert.InRange(port, 1025, 49150));
    }

    [Theory]
    [InlineData(1024, PortRefusal.OutOfRange)]
    [InlineData(49151, PortRefusal.OutOfRange)]
    [InlineData(0, PortRefusal.OutOfRange)]
    [InlineData(4678, PortRefusal.Reserved)]
    [InlineData(2000, PortRefusal.Taken)]
    [InlineData(3000, PortRefusal.InUse)]
    [InlineData(1025, PortRefusal.None)]
    [InlineData(49150, PortRefusal.None)]
    public void A_requested_port_is_given_or_refused_with_its_reason(ushort port, PortRefusal expected)
    {
        var pool = Pool([4678], p => p != 3000);
        Assert.Equal(PortRefusal.None, pool.TryAcquireRequested("first", 2000));
        Assert.Equal(expected, pool.TryAcquireRequested("second", port));
    }

    [Fact]
    public void A_port_that_another_program_has_bound_is_not_given_out_and_is_given_once_it_is_free()
    {
        var range = Enumerable.Range(PortPool.First, PortPool.End - PortPool.First).Select(p => (ushort)p);
        var bound = range.Where(p => p != 5000).ToHashSet();
        var pool = Pool(isFree: p => !bound.Contains(p));
        Assert.Equal(PortRefusal.None, pool.TryAcquire("m", out var port));
        Assert.Equal(5000, port);
        Assert.Equal(PortRefusal.Exhausted, pool.TryAcquire("m", out _));
        bound.Remove(6000);
        Assert.Equal(PortRefusal.None, pool.TryAcquire("m", out port));
        Assert.Equal(6000, port);
    }

    [Fact]
    public void An_adopted_port_may_be_in_any_range_and_has_one_owner()
    {
        var pool = Pool();
        Assert.True(pool.TryAdopt("m", 60000));
        Assert.True(pool.TryAdopt("m", 60000));
        Assert.False(pool.TryAdopt("n", 60000));
        Assert.True(pool.TryAdopt("m", 2000));
        Assert.Equal(PortRefusal.Taken, pool.TryAcquireRequested("n", 2000));
        Assert.True(pool.Release("m", 60000));
        Assert.True(pool.Release("m", 2000));
        Assert.Equal(PortRefusal.None, pool.TryAcquireRequested("n", 2000));
        Assert.Equal(1, pool.Used);
    }
}
