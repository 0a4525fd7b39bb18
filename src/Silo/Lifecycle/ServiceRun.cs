using System.Runtime.ExceptionServices;
using HostService.Grains.Lifecycle;
using HostService.Silo.Hosting;
using HostService.Silo.Startup;

namespace HostService.Silo.Lifecycle;

/// <summary>One run of the service: starts it, waits for a request to shut down, and undoes what the start has done.</summary>
public static class ServiceRun
{
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(IConfigurationRoot configuration, ShutdownSignal shutdown)
    {
        var options = configuration.ReadOrDefaults<ShutdownOptions>("Shutdown");
        var context = new HostContext(configuration, options, shutdown);

        // An unhandled exception ends the service like every other cause.
        ExceptionHandling.SetUnhandledExceptionHandler(exception =>
        {
            context.LogCrash(exception);
            shutdown.Request(new ShutdownRequest(ShutdownReason.Crash, exception.Message, ExitCodes.Failed));
            return true;
        });
        return await RunAsync(context, HostLifecycle.Stages(options));
    }

    /// <param name="stages"><see cref="HostLifecycle.Stages"/>.</param>
    /// <returns>The exit code.</returns>
    internal static async Task<int> RunAsync(HostContext context, IReadOnlyList<Stage<HostContext>> stages)
    {
        var (options, shutdown) = (context.Options, context.Shutdown);
        shutdown.Configure(options.DrainTimeouts(context.Environment));

        // No timeout for the steps of the start: each has its own inside, and the unit's TimeoutStartSec limits all of them.
        var runner = new StepRunner<HostContext>(
            context, TimeProvider.System, Timeout.InfiniteTimeSpan, options.StepTimeout, context.OnStep);
        // A stop cancels the start. A drain waits for the users of mandelboxes that were taken over: for them the start goes on to its end.
        using var start = new CancellationTokenSource();
        await using var onStop = shutdown.DrainToken.Register(start.Cancel);
        await using var onRequest = shutdown.Token.Register(() =>
        {
            if (!context.HasTakenOver)
            {
                start.Cancel();
            }
        });
        var startFailure = await runner.RunAsync(stages, start.Token);
        context.IsStarted = startFailure is null;
        if (startFailure is not null)
        {
            if (!shutdown.Requested.IsCompleted)
            {
                shutdown.Request(context.StartFailed(startFailure));
            }

            await context.CheckUseAsync();
            context.TellSystemd();
        }

        var drain = HostLifecycle.DrainOf(stages);
        while (true)
        {
            context.LogShutdown(await shutdown.Requested);
            await runner.UndoAsync(drain);
            if (!shutdown.TryResume(canResume: startFailure is null))
            {
                break;
            }

            context.OnDrainCancelled();
            if (await runner.RunAsync([drain], CancellationToken.None) is { } notResumed)
            {
                // A host that takes nothing must not stay: it drains for good.
                shutdown.Request(new ShutdownRequest(
                    ShutdownReason.Crash, $"failed to {notResumed.Step}: {notResumed.Reason}", ExitCodes.Failed, Drains: true));
            }
        }

        await runner.UndoAsync();
        return shutdown.Decisive!.ExitCode;
    }

    /// <summary>Only deals with what an earlier run left.</summary>
    /// <exception cref="StartRefusedException">It cannot be done.</exception>
    public static async Task ReclaimAsync(
        IConfigurationRoot configuration, ShutdownSignal shutdown, Func<Leftovers, CancellationToken, Task> reclaim)
    {
        var options = configuration.ReadOrDefaults<ShutdownOptions>("Shutdown");
        var runner = new StepRunner<HostContext>(
            new HostContext(configuration, options, shutdown), TimeProvider.System, Timeout.InfiniteTimeSpan, options.StepTimeout);
        var failure = await runner.RunAsync(HostLifecycle.ReclaimStages(reclaim), shutdown.Token);
        await runner.UndoAsync();
        if (failure is not null)
        {
            throw failure.Exception as StartRefusedException ?? failure.Exception?.InnerException as StartRefusedException
                ?? new StartRefusedException(ExitCodes.Failed, $"Failed to {failure.Step}: {failure.Reason}", failure.Exception);
        }
    }

    /// <summary>Says and does at the end what a run that was killed could not. Failures are logged; the other steps are tried.</summary>
    /// <param name="cause">Of its end.</param>
    public static async Task SayLastWordsAsync(IConfigurationRoot configuration, string cause)
    {
        var options = configuration.ReadOrDefaults<ShutdownOptions>("Shutdown");
        var shutdown = new ShutdownSignal(TimeProvider.System);
        var request = new ShutdownRequest(ShutdownReason.Killed, cause, ExitCodes.Failed);
        shutdown.Request(request);
        var context = new HostContext(configuration, options, shutdown);
        var runner = new StepRunner<HostContext>(context, TimeProvider.System, options.StepTimeout, options.StepTimeout);
        if (await runner.RunAsync(HostLifecycle.LastWordsStages(), CancellationToken.None) is { } failure)
        {
            context.LogLastWordsFailed(failure);
        }

        context.LogShutdown(request);
        await runner.UndoAsync();
    }
}
