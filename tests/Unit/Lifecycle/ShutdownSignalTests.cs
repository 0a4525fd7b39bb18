using HostService.Silo.Lifecycle;

namespace HostService.Tests.Unit.Lifecycle;

public sealed class ShutdownSignalTests
{
    private readonly ShutdownSignal _shutdown = new();

    [Fact]
    public async Task The_first_request_decides_and_ends_a_start_that_is_under_way()
    {
        Assert.False(_shutdown.Token.IsCancellationRequested);
        _shutdown.Request(new ShutdownRequest(ShutdownReason.EngineLost, "first", 4));
        _shutdown.Request("second");

        Assert.Equal(new ShutdownRequest(ShutdownReason.EngineLost, "first", 4), await _shutdown.Requested);
        Assert.True(_shutdown.Token.IsCancellationRequested);
    }

    [Fact]
    public void Only_a_signal_of_the_operating_system_hurries_a_shutdown_that_is_under_way()
    {
        _shutdown.Request(new ShutdownRequest(ShutdownReason.Signal, "SIGTERM"));
        _shutdown.Request("drain_and_shutdown was called");
        Assert.False(_shutdown.SecondSignal.IsCompleted);

        _shutdown.Request(new ShutdownRequest(ShutdownReason.Signal, "SIGTERM"));
        Assert.True(_shutdown.SecondSignal.IsCompleted);
    }
}
