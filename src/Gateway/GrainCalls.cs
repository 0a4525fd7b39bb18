using HostService.GrainInterfaces.Fleet;

namespace HostService.Gateway;

/// <summary>Calls grains, each call with a timeout. A call that fails after its timeout is only logged.</summary>
internal sealed partial class GrainCalls(
    IGrainFactory grains, IHostName host, IOptions<GatewayOptions> options, TimeProvider timeProvider, ILogger<GrainCalls> logger)
{
    public IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(host.InstanceName));

    public IDoctorGrain Doctor => grains.GetGrain<IDoctorGrain>(HostKeys.Host(host.InstanceName));

    /// <param name="mandelboxId">A valid id: the caller has checked it.</param>
    public IMandelboxGrain Mandelbox(string mandelboxId) => grains.GetGrain<IMandelboxGrain>(mandelboxId);

    public IFleetGrain Fleet => grains.GetGrain<IFleetGrain>(FleetKeys.Fleet);

    public IFleetRolloutGrain Rollout => grains.GetGrain<IFleetRolloutGrain>(FleetKeys.Fleet);

    public IFleetHostGrain FleetHost(string name) => grains.GetGrain<IFleetHostGrain>(name);

    /// <param name="mandelboxId">A valid id: the caller has checked it.</param>
    public IFleetMandelboxGrain FleetMandelbox(string mandelboxId) => grains.GetGrain<IFleetMandelboxGrain>(mandelboxId);

    /// <param name="mandelboxId">A valid id: the caller has checked it.</param>
    public IMandelboxLogGrain Logs(string mandelboxId) => grains.GetGrain<IMandelboxLogGrain>(mandelboxId);

    /// <exception cref="TimeoutException">There was no answer within <see cref="GatewayOptions.Timeout"/>.</exception>
    public Task<T> WithTimeout<T>(Task<T> call) => WithTimeout(call, options.Value.Timeout);

    /// <summary>For calls that start, change or stop a container.</summary>
    public Task<T> WithMandelboxTimeout<T>(Task<T> call) => WithTimeout(call, options.Value.MandelboxTimeout);

    /// <inheritdoc cref="WithTimeout{T}(Task{T})"/>
    public async Task WithTimeout(Task call) => await WithTimeout(Finished(call));

    public Task<T> WithProbeTimeout<T>(Task<T> call) => WithTimeout(call, options.Value.ProbeTimeout);

    private static async Task<bool> Finished(Task call)
    {
        await call;
        return true;
    }

    private async Task<T> WithTimeout<T>(Task<T> call, TimeSpan timeout)
    {
        try
        {
            return await call.WaitAsync(timeout, timeProvider);
        }
        catch (TimeoutException exception) when (!call.IsCompleted)
        {
            _ = call.ContinueWith(
                late => LogFailedLate(logger, late.Exception!.GetBaseException()),
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            throw new TimeoutException($"There was no answer within {timeout.TotalSeconds:0.#} s.", exception);
        }
    }

    [LoggerMessage(LogLevel.Warning, "A grain call failed after its caller had gone")]
    private static partial void LogFailedLate(ILogger logger, Exception exception);
}
