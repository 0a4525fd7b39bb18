using HostService.Grains.Host;

namespace HostService.Tests.Unit.Host;

public sealed class TtyPoolTests
{
    [Fact]
    public void All_54_ttys_from_10_to_63_are_given_once_and_the_55th_is_refused()
    {
        var pool = new TtyPool();
        var given = new List<int>();
        for (var i = 0; i < 54; i++)
        {
            Assert.True(pool.TryAcquire($"m{i}", out var tty));
            given.Add(tty);
        }

        Assert.Equal(Enumerable.Range(10, 54), given.Order());
        Assert.False(pool.TryAcquire("one too many", out _));
    }

    [Fact]
    public void The_tty_that_was_free_longest_comes_first()
    {
        var pool = new TtyPool();
        Assert.True(pool.TryAcquire("a", out var first));
        Assert.True(pool.Release("a", first));
        Assert.True(pool.TryAcquire("b", out var second));
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void Only_the_owner_releases_and_only_once()
    {
        var pool = new TtyPool();
        Assert.True(pool.TryAcquire("owner", out var tty));
        Assert.False(pool.Release("somebody else", tty));
        Assert.True(pool.Release("owner", tty));
        Assert.False(pool.Release("owner", tty));
        Assert.Equal(0, pool.Used);
    }

    [Theory]
    [InlineData(9)]
    [InlineData(64)]
    [InlineData(-1)]
    public void A_tty_of_the_system_is_not_given_even_by_number(int tty) => Assert.False(new TtyPool().TryAcquire("m", tty));

    [Fact]
    public void A_tty_acquired_by_number_is_not_given_again()
    {
        var pool = new TtyPool();
        Assert.True(pool.TryAcquire("m", 10));
        Assert.False(pool.TryAcquire("n", 10));
        for (var i = 0; i < 53; i++)
        {
            Assert.True(pool.TryAcquire($"m{i}", out var tty));
            Assert.NotEqual(10, tty);
        }

        Assert.False(pool.TryAcquire("last", out _));
    }
}
