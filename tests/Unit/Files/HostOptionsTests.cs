using HostService.Infrastructure;

namespace HostService.Tests.Unit.Files;

public sealed class HostOptionsTests
{
    private static IReadOnlyList<string> Validate(HostOptions options) => [.. options.Validate()];

    [Fact]
    public void The_defaults_are_good() => Assert.Empty(Validate(new HostOptions()));

    [Theory]
    [InlineData("relative")]
    [InlineData("/")]
    [InlineData("/home")]
    [InlineData("/var/")]
    [InlineData("/a/../etc")]
    [InlineData("/a:b")]
    [InlineData("")]
    public void A_root_that_must_not_be_removed_is_refused(string root) =>
        Assert.Contains(Validate(new HostOptions { Root = root }), f => f.Contains("Host:Root", StringComparison.Ordinal));

    [Fact]
    public void Users_files_must_not_lie_where_things_are_removed() =>
        Assert.Single(Validate(new HostOptions { Root = "/srv/f", CloudStorageRoot = "/srv/f/cloud" }));

    [Fact]
    public void Every_fault_is_named_at_once() =>
        Assert.Equal(3, Validate(new HostOptions { Root = "x", OnLeftovers = "maybe", CpuOnlySlots = 55 }).Count);
}
