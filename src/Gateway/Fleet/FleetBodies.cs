using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using HostService.Gateway.Wire;

namespace HostService.Gateway.Fleet;

/// <summary>A spin-up, and what it needs of its host.</summary>
internal sealed class FleetSpinUpBody : SpinUpBody
{
    [JsonPropertyName("region"), Description("Only a host of this region, for example us-east-1.")]
    public string? Region { get; init; }

    [JsonPropertyName("gpu"), Description("Only a host with a GPU whose name holds this, for example T4.")]
    public string? Gpu { get; init; }

    [JsonPropertyName("host"), Description("Only this host.")]
    public string? Host { get; init; }

    [JsonPropertyName("order"), Description("spread: the emptiest host first; pack: the fullest. Without it, as configured.")]
    public string? Order { get; init; }
}

/// <summary>The spin-up's answer, and where the mandelbox is.</summary>
internal sealed record FleetSpinUpResult(
    [property: JsonPropertyName("result")] SpinUpResult Result,
    [property: JsonPropertyName("host"), Description("The host's name.")] string Host,
    [property: JsonPropertyName("address"), Description("The address that the client connects to.")] string Address);

/// <summary>Where a mandelbox is.</summary>
/// <param name="Host">The host that has it, or may have it.</param>
/// <param name="State">As the host has reported; null where it has not reported it.</param>
/// <param name="HostState">The state of the host: on one that is <c>lost</c>, the mandelbox counts as lost, too.</param>
internal sealed record FleetMandelbox(
    [property: Required] string MandelboxId,
    [property: Required] string Host,
    MandelboxState? State,
    string? AppName,
    DateTimeOffset? CreatedAt,
    string? HostState);

/// <summary>A mandelbox's life, as its host knows it.</summary>
/// <param name="Host">The host that has it, or had it.</param>
public sealed record FleetMandelboxDiagnostics([property: Required] string Host, [property: Required] MandelboxDiagnostics Diagnostics);
