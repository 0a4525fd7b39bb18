using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Storage.CloudStorage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Grains.Mandelbox;

/// <summary>
/// One mandelbox's life. Every call interleaves: a status query, a stop and a container's death are served while a spin-up runs. What crosses an
/// <c>await</c> is one <see cref="MandelboxLife"/>, and there is at most one that has not gone.
/// </summary>
public sealed partial class MandelboxGrain(
    HostInfoSource facts,
    ProvisioningPlans plans,
    IContainerEngine engine,
    IMandelboxFiles files,
    ICloudStorage cloudStorage,
    IOptions<MandelboxOptions> options,
    TimeProvider timeProvider,
    ILogger<MandelboxGrain> logger) : Grain, IMandelboxGrain
{
    private MandelboxLife? _life;
    private IHostGrain? _host;
    private bool _leaving;

    private string Id => this.GetPrimaryKeyString();

    // Kept from the first time, which is while the activation is there: giving back may outlive it, and must still be able to tell the host.
    private IHostGrain Host => _host ??= GrainFactory.GetGrain<IHostGrain>(HostKeys.Host(facts.Current.Identity.InstanceName));

    public Task<SpinUpAnswer> SpinUp(SpinUpRequest request)
    {
        if (MandelboxIds.Fault(Id) is { } fault)
        {
            return Task.FromResult(SpinUpAnswer.Failed("id", fault));
        }

        if (_life is { } life)
        {
            return Repeat(life, request);
        }

        var plan = plans.ForRequest(Host);
        life = _life = NewLife(request, plan);
        return life.Answer = BringUpAsync(life, plan);
    }

    public Task<MandelboxDescription?> Describe() => Task.FromResult(_life is { } life ? Describe(life) : null);

    public async Task<bool> Stop(string reason)
    {
        if (_life is not { } life)
        {
            return false;
        }

        var end = EndAsync(life, reason);
        await Task.WhenAny(end, Task.Delay(options.Value.StopTimeout, timeProvider));
        Watch(end, "end");
        return true;
    }

    public Task ContainerDied(ContainerDeath death)
    {
        if (_life is not { } life || (life.Run.ContainerId ?? life.ExpectedContainerId) != death.ContainerId)
        {
            return Task.CompletedTask;
        }

        life.Run.ContainerEnded = true;
        life.TryAgain.TrySetResult();
        if (life.IsAlive)
        {
            if (life.Adopted && life.Run.ContainerId is null)
            {
                // It was registered and so is ours to remove, although it was never taken over.
                life.Runner.RegisterUndo(plans.ForRemoval(death.ContainerId));
            }

            // Not awaited: giving back can take as long as an upload, and the caller is the event stream.
            Watch(EndAsync(life, $"its container ended{(death.ExitCode is { } code ? $" with exit code {code}" : "")}"), "end");
        }

        return Task.CompletedTask;
    }

    public async Task<string?> SetDpi(int dpi)
    {
        if (_life is not { IsAlive: true } life)
        {
            return $"there is no mandelbox {Id}";
        }

        if (life.Adopted && (life.Adoption is not { } adoption || await adoption is not null))
        {
            return $"mandelbox {Id} has no running container yet";
        }

        await files.WriteAsync(life.Run.Paths.ResourceMappings, "DPI", dpi.ToString(System.Globalization.CultureInfo.InvariantCulture), life.Ending.Token);
        return life.Adopted ? await BecomeReadyAsync(life) : null;
    }

    public async Task<string?> MountCloudStorage(CloudStorageRequest request)
    {
        if (_life is not { IsAlive: true, State: >= MandelboxState.Created } life)
        {
            return $"mandelbox {Id} does not run";
        }

        var drive = new CloudDrive
        {
            Provider = request.Provider,
            AccessToken = request.AccessToken,
            RefreshToken = request.RefreshToken,
            Expiry = request.Expiry,
            TokenType = request.TokenType,
            ClientId = request.ClientId,
            ClientSecret = request.ClientSecret,
        };
        try
        {
            return await WhilePending(life, cloudStorage.MountAsync(Id, drive, life.Ending.Token));
        }
        catch (OperationCanceledException) when (life.Ending.IsCancellationRequested)
        {
            return $"mandelbox {Id} ended while its drive was being mounted";
        }
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _leaving = true;

        // The one way out has ended every mandelbox before the silo stops. One that is still here is ended now: whatever it holds must not be forgotten.
        if (_life is { } life)
        {
            await EndAsync(life, "the service is ending");
        }
    }

    private static Task<SpinUpAnswer> Repeat(MandelboxLife life, SpinUpRequest request)
    {
        if (life.Answer is { } answer && life.IsAlive
            && life.Run.Request is { } first && first.UserId == request.UserId && first.SessionId == request.SessionId)
        {
            return answer;
        }

        var why = life.IsAlive
            ? $"mandelbox {life.Run.MandelboxId} exists already, for another user or session"
            : $"mandelbox {life.Run.MandelboxId} is being taken down; it can be spun up again once it has gone";
        return Task.FromResult(SpinUpAnswer.Failed("duplicate", why));
    }
}
