using HostService.GrainInterfaces;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Gateway;

/// <summary>The way to the grains. Every call has a deadline; one that ends later than that is told of in the log only.</summary>
internal sealed partial class GrainCalls(
    IGrainFactory grains, IHostName host, IOptions<GatewayOptions> options, TimeProvider timeProvider, ILogger<GrainCalls> logger)
{
    public IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(host.InstanceName));

    /// <summary>A mandelbox by an id that has been checked.</summary>
    public IMandelboxGrain Mandelbox(string mandelboxId) => grains.GetGrain<IMandelboxGrain>(mandelboxId);

    /// <summary>The answer of an ordinary call; throws <see cref="TimeoutException"/> when it does not come.</summary>
    public Task<T> Within<T>(Task<T> call) => Within(call, options.Value.Timeout);

    /// <summary>The answer of a call that does a mandelbox's real work.</summary>
    public Task<T> WithinMandelbox<T>(Task<T> call) => Within(call, options.Value.MandelboxTimeout);

    public Task<T> WithinProbe<T>(Task<T> call) => Within(call, options.Value.ProbeTimeout);

    private async Task<T> Within<T>(Task<T> call, TimeSpan deadline)
    {
        try
        {
            return await call.WaitAsync(deadline, timeProvider);
        }
        catch (TimeoutException exception) when (!call.IsCompleted)
        {
            _ = call.ContinueWith(
                late => FailedLate(logger, late.Exception!.GetBaseException()),
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            throw new TimeoutException($"There was no answer within {deadline.TotalSeconds:0.#} s.", exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A grain call failed after its caller had gone")]
    private static partial void FailedLate(ILogger logger, Exception exception);
}
