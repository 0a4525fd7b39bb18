using System.Security.Cryptography;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Grains.Mandelbox;

/// <summary>
/// One mandelbox from its first step to its last: what it was asked for and what its steps have gathered. Touched on its grain's turns only.
/// </summary>
public sealed class MandelboxRun(string mandelboxId, SpinUpRequest? request, string root)
{
    public string MandelboxId { get; } = mandelboxId;

    /// <summary>Null for a container that somebody else made: nobody asked us for it.</summary>
    public SpinUpRequest? Request { get; } = request;

    public MandelboxPaths Paths { get; } = new(root, mandelboxId);

    /// <summary>32 hexadecimal digits, new for each run (B17).</summary>
    public string AesKey { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    public Lease? Lease { get; set; }

    public IInputDeviceSet? InputDevices { get; set; }

    /// <summary>The image that the container is made from.</summary>
    public string? Image { get; set; }

    public string? ContainerName { get; set; }

    public string? ContainerId { get; set; }

    /// <summary>True once the engine has said that no container of this run runs any more, or that it has none. Only then is the lease given back.</summary>
    public bool ContainerEnded { get; set; } = true;

    /// <summary>What came of fetching the user's settings; null before that, and once what was to be saved has been dealt with.</summary>
    public FetchOutcome? Configs { get; set; }

    /// <summary>True while its directories on the host are there.</summary>
    public bool HasDirectories { get; set; }

    /// <summary>
    /// True from the moment in which the webserver may have been told that the user can connect. Before that an app may have written to the settings, but no
    /// user has set anything.
    /// </summary>
    public bool UserMayHaveCome { get; set; }

    /// <summary>
    /// Whether the settings are still to be saved. While they are, their directory stays: a save that found half of it would store that half over the whole.
    /// </summary>
    public bool OwesSave => UserMayHaveCome && Configs is (FetchOutcome.Restored or FetchOutcome.FirstRun or FetchOutcome.Unknown);

    /// <summary>True once <c>.ready</c> is there.</summary>
    public bool MarkedReady { get; set; }

    /// <summary>What went less than well without ending it.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>The request; asking for it in a run that has none is a defect of the plan.</summary>
    public SpinUpRequest RequiredRequest => Request ?? throw new InvalidOperationException($"Mandelbox {MandelboxId} has no request.");

    /// <summary>The lease; asking for it before it was taken is a defect of the plan.</summary>
    public Lease RequiredLease => Lease ?? throw new InvalidOperationException($"Mandelbox {MandelboxId} has no lease yet.");

    /// <summary>The container; asking for it before it was created is a defect of the plan.</summary>
    public string RequiredContainerId => ContainerId ?? throw new InvalidOperationException($"Mandelbox {MandelboxId} has no container yet.");
}
