using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.CloudStorage;

public sealed class RcloneCacheTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("""{"Dirty":true}""", true)]
    [InlineData("""{"Dirty":false}""", false)]
    [InlineData("{}", false)]
    [InlineData("half a li", true)]
    public void A_file_is_unsaved_when_its_metadata_says_so_or_nothing(string metadata, bool unsaved)
    {
        File.WriteAllText(_scratch["item"], metadata);
        Assert.Equal(unsaved, RcloneCache.IsDirty(_scratch["item"]));
    }

    [Fact]
    public void Metadata_that_vanishes_during_a_look_is_of_a_file_that_is_done_with()
    {
        Assert.False(RcloneCache.IsDirty(_scratch["gone"]));
        Assert.False(RcloneCache.IsDirty(_scratch["gone/too"]));
    }

    [Fact]
    public void Metadata_that_cannot_be_read_counts_as_unsaved() => Assert.True(RcloneCache.IsDirty(_scratch.Directory("no file")));
}
