using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Tests.Unit.UserConfigs;

public sealed class PartBuffersTests
{
    [Fact]
    public void No_more_are_given_than_are_shared_and_one_that_comes_back_is_given_again()
    {
        var buffers = new PartBuffers(2);
        var (one, two) = (buffers.TryTake()!, buffers.TryTake()!);
        Assert.Null(buffers.TryTake());
        Assert.Null(buffers.TryTake());
        buffers.Return(two);
        Assert.Same(two, buffers.TryTake());
        Assert.Null(buffers.TryTake());
        buffers.Return(one);
        buffers.Return(two);
        Assert.Equal((0, 2 * PartBuffers.PartSize), (buffers.Bytes, buffers.Most));
    }
}
