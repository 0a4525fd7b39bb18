using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Grains.Host;
using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox;
using HostService.Grains.Mandelbox.Ecs;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Cluster;

/// <summary>
/// Each step of a spin-up, as <see cref="ProvisioningPlans"/> lists them, fails in every way, and so does each undo: the caller is answered,
/// and nothing is held afterwards.
/// </summary>
public class FaultAtEveryStepTests : IAsyncLifetime
{
    private readonly Faults _faults = new();
    private HostCluster _cluster = null!;

    protected virtual int SandboxPool => 0;

    public async Task InitializeAsync() => _cluster = await new HostCluster
    {
        SandboxPool = SandboxPool,
        Replace = services => services.AddSingleton<ProvisioningPlans>(provider =>
            ActivatorUtilities.CreateInstance<FaultyPlans>(provider, _faults)),
    }.StartAsync();

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_spin_up_that_fails_in_any_step_is_answered_and_releases_everything()
    {
        var steps = await CountAsync();
        for (var step = 0; step < steps; step++)
        {
            foreach (var fault in Enum.GetValues<Fault>())
            {
                var id = $"step-{step}-{fault}";
                _faults.Plan(id, step, fault, () => _cluster.Mandelbox(id).Stop("it is stopped"));

                var answer = await _cluster.Mandelbox(id).SpinUp(HostCluster.Request()).WaitAsync(TimeSpan.FromSeconds(60));

                Assert.True(answer.Failure is not null, $"{id} ({_faults.Name}) came up");
                Assert.Equal((id, fault is Fault.IsStopped or Fault.IsStoppedAfterwards || answer.Failure.Phase == _faults.Name), (id, true));
                await GoneAsync(id);
            }
        }
    }

    [Fact]
    public async Task An_end_in_which_any_undo_fails_is_completed()
    {
        var steps = await CountAsync();
        for (var step = 0; step < steps; step++)
        {
            foreach (var fault in new[] { Fault.Throws, Fault.LosesItsAnswer, Fault.Hangs, Fault.HangsAfterwards })
            {
                var id = $"undo-{step}-{fault}";
                _faults.PlanUndo(id, step, fault);
                var saved = _cluster.UserConfigs.Saved.Count;
                Assert.Null((await _cluster.Mandelbox(id).SpinUp(HostCluster.Request())).Failure);

                Assert.True(await _cluster.Mandelbox(id).Stop("it is enough").WaitAsync(TimeSpan.FromSeconds(60)));

                await GoneAsync(id);
                Assert.Equal((id, saved + 1), (id, _cluster.UserConfigs.Saved.Count));
            }
        }
    }

    /// <summary>The number of steps of a spin-up.</summary>
    private async Task<int> CountAsync()
    {
        Assert.Null((await _cluster.Mandelbox("count").SpinUp(HostCluster.Request())).Failure);
        await _cluster.Mandelbox("count").Stop("it is enough");
        await GoneAsync("count");
        Assert.True(_faults.Steps > 15, "the plan has lost its steps");
        return _faults.Steps;
    }

    private async Task GoneAsync(string id)
    {
        try
        {
            await _cluster.Watcher.Until(id, MandelboxState.Gone);
            await _cluster.AssertNothingIsHeldAsync();
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{id} ({_faults.Name}): {exception.Message}", exception);
        }
    }

    /// <summary>The fault that is planned, for one mandelbox and one step.</summary>
    private sealed class Faults
    {
        private (string Id, int Step, Fault Fault, bool IsUndo, Func<Task> Stop)? _planned;

        /// <summary>The number of steps of the last plan.</summary>
        public int Steps { get; set; }

        /// <summary>The name of the step that failed last.</summary>
        public string Name { get; private set; } = "";

        public void Plan(string id, int step, Fault fault, Func<Task> stop) => _planned = (id, step, fault, false, stop);

        public void PlanUndo(string id, int step, Fault fault) => _planned = (id, step, fault, true, () => Task.CompletedTask);

        public bool Hangs(int step, bool isUndo) =>
            _planned is { Fault: Fault.Hangs or Fault.HangsAfterwards } planned && planned.Step == step && planned.IsUndo == isUndo;

        /// <summary>The fault of this step, once.</summary>
        public (Fault Fault, Func<Task> Stop)? Take(string id, int step, bool isUndo, string name)
        {
            if (_planned is not { } planned || planned.Id != id || planned.Step != step || planned.IsUndo != isUndo)
            {
                return null;
            }

            (_planned, Name) = (null, name);
            return (planned.Fault, planned.Stop);
        }
    }

    /// <summary>The real plans, whose steps fail as planned.</summary>
    private sealed class FaultyPlans(
        Faults faults,
        HostInfoSource hostInfo,
        ContainerCapabilitiesSource capabilities,
        IContainerEngine engine,
        IMandelboxFiles files,
        IInputDevices inputDevices,
        IBackendDatabase database,
        IUserConfigStore userConfigs,
        ICloudStorage cloudStorage,
        MandelboxRecords records,
        AgentContainers agentContainers,
        IOptions<MandelboxOptions> options,
        IOptions<DockerOptions> docker,
        IOptions<QueueOptions> queue,
        ILogger<ProvisioningPlans> logger)
        : ProvisioningPlans(
            hostInfo, capabilities, engine, files, inputDevices, database, userConfigs, cloudStorage, records, agentContainers, options,
            docker, queue, logger)
    {
        public override SpinUpPlan ForRequest(IHostGrain host, Func<string, IMandelboxGrain> find)
        {
            var plan = base.ForRequest(host, find);
            var number = 0;

            // One wrapper for each step, also for the lease, which stands in the plan twice.
            var wrapped = new Dictionary<IStep<MandelboxContext>, FaultyStep>(ReferenceEqualityComparer.Instance);
            IReadOnlyList<Stage<MandelboxContext>> Wrap(IReadOnlyList<Stage<MandelboxContext>> stages) =>
            [
                .. stages.Select(stage => new Stage<MandelboxContext>([.. stage.Steps.Select(step =>
                    wrapped.TryGetValue(step, out var there) ? there : wrapped[step] = new FaultyStep(step, number++, faults))])),
            ];
            var faulty = new SpinUpPlan(
                Wrap(plan.Preparation), plan.Adoption, Wrap(plan.LeaseToStart), Wrap(plan.BesideStart), Wrap(plan.AfterStart));
            faults.Steps = number;
            return faulty;
        }
    }

    private sealed class FaultyStep(IStep<MandelboxContext> step, int number, Faults faults) : IStep<MandelboxContext>
    {
        private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(50);

        public string Name => step.Name;

        public TimeSpan? Timeout => faults.Hangs(number, isUndo: false) ? Short : step.Timeout;

        public TimeSpan? UndoTimeout => faults.Hangs(number, isUndo: true) ? Short : step.UndoTimeout;

        public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
        {
            if (faults.Take(context.MandelboxId, number, isUndo: false, Name) is not { } planned)
            {
                return await step.DoAsync(context, cancellationToken);
            }

            switch (planned.Fault)
            {
                case Fault.Refuses:
                    return StepResult.Failed("it is refused");
                case Fault.IsStopped:
                    _ = planned.Stop();
                    return await HangAsync(cancellationToken);
                case Fault.IsStoppedAfterwards:
                    await step.DoAsync(context, cancellationToken);
                    _ = planned.Stop();
                    return await HangAsync(cancellationToken);
                case Fault.Hangs:
                    return await HangAsync(cancellationToken);
                case Fault.HangsAfterwards:
                    await step.DoAsync(context, cancellationToken);
                    return await HangAsync(cancellationToken);
                case Fault.LosesItsAnswer:
                    await step.DoAsync(context, cancellationToken);
                    break;
            }

            throw new InvalidOperationException("it throws");
        }

        public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
        {
            if (faults.Take(context.MandelboxId, number, isUndo: true, Name) is not { } planned)
            {
                await step.UndoAsync(context, cancellationToken);
                return;
            }

            if (planned.Fault is Fault.LosesItsAnswer or Fault.HangsAfterwards)
            {
                await step.UndoAsync(context, cancellationToken);
            }

            if (planned.Fault is Fault.Hangs or Fault.HangsAfterwards)
            {
                await HangAsync(cancellationToken);
            }

            throw new InvalidOperationException("the undo throws");
        }

        private static async Task<StepResult> HangAsync(CancellationToken cancellationToken)
        {
            await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            return StepResult.Done;
        }
    }
}

/// <summary>The same with mandelboxes that join network sandboxes: whatever fails, the pool is full afterwards.</summary>
public sealed class FaultAtEveryStepWithSandboxesTests : FaultAtEveryStepTests
{
    protected override int SandboxPool => 2;
}
