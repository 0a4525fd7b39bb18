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
            Assert.True(pool.TryTake($"m{i}", out var tty));
            given.Add(tty);
        }

        Assert.Equal(Enumerable.Range(10, 54), given.Order());
        Assert.False(pool.TryTake("one too many", out _));
    }

    [Fact]
    public void The_tty_that_was_free_longest_comes_first()
    {
        var pool = new TtyPool();
        Assert.True(pool.TryTake("a", out var first));
        Assert.True(pool.GiveBack("a", first));
        Assert.True(pool.TryTake("b", out var second));
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void Only_the_owner_gives_back_and_only_once()
    {
        var pool = new TtyPool();
        Assert.True(pool.TryTake("owner", out var tty));
        Assert.False(pool.GiveBack("somebody else", tty));
        Assert.True(pool.GiveBack("owner", tty));
        Assert.False(pool.GiveBack("owner", tty));
        Assert.Equal(0, pool.Used);
    }

    [Theory]
    [InlineData(9)]
    [InlineData(64)]
    [InlineData(-1)]
    public void A_tty_of_the_systems_is_not_given_even_by_name(int tty) => Assert.False(new TtyPool().TryTake("m", tty));

    [Fact]
    public void A_tty_taken_by_name_is_not_given_again()
    {
        var pool = new TtyPool();
        Assert.True(pool.TryTake("m", 10));
        Assert.False(pool.TryTake("n", 10));
        for (var i = 0; i < 53; i++)
        {
            Assert.True(pool.TryTake($"m{i}", out var tty));
            Assert.NotEqual(10, tty);
        }

        Assert.False(pool.TryTake("last", out _));
    }
}
