using HostService.GrainInterfaces;

namespace HostService.Tests.Unit.Mandelbox;

public sealed class MandelboxIdTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("0")]
    [InlineData("A-b_9")]
    public void Good_ids_pass(string id) => Assert.Null(MandelboxIds.Fault(id));

    [Theory]
    [InlineData("")]
    [InlineData("-a")]
    [InlineData("_a")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a.b")]
    [InlineData("a\n")]
    [InlineData("a\0")]
    [InlineData("ä")]
    [InlineData("host-service-warmup")]
    [InlineData("temp")]
    [InlineData("logs")]
    public void Ids_that_could_escape_their_directory_are_refused(string id) => Assert.NotNull(MandelboxIds.Fault(id));

    [Fact]
    public void Length_ends_at_128()
    {
        Assert.Null(MandelboxIds.Fault(new string('a', 128)));
        Assert.NotNull(MandelboxIds.Fault(new string('a', 129)));
    }
}
