using System.Globalization;
using System.Text.Json.Serialization;

namespace HostService.Infrastructure.Backend.Webserver;

/// <summary>The body of <c>POST /host_service/auth</c>.</summary>
internal sealed record AuthRequest([property: JsonPropertyName("InstanceID")] string InstanceId);

/// <summary>The answer to it.</summary>
internal sealed record AuthAnswer(string? AuthToken);

/// <summary>The body of <c>POST /host_service/heartbeat</c>. Names and types are the webserver's.</summary>
internal sealed record HeartbeatRequest
{
    public required string AuthToken { get; init; }

    /// <summary>RFC 3339 in UTC.</summary>
    public required string Timestamp { get; init; }

    /// <summary>From 0; counts every heartbeat that was sent, received or not.</summary>
    public required long HeartbeatNumber { get; init; }

    [JsonPropertyName("InstanceID")]
    public required string InstanceId { get; init; }

    public required string InstanceType { get; init; }

    [JsonPropertyName("TotalRAMinKB")]
    public required string TotalRamInKb { get; init; }

    [JsonPropertyName("FreeRAMinKB")]
    public required string FreeRamInKb { get; init; }

    [JsonPropertyName("AvailRAMinKB")]
    public required string AvailableRamInKb { get; init; }

    public required bool IsDyingHeartbeat { get; init; }

    public static HeartbeatRequest Of(WebserverFacts facts, string authToken, DateTimeOffset at, long number, bool isDying) => new()
    {
        AuthToken = authToken,
        Timestamp = at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture),
        HeartbeatNumber = number,
        InstanceId = facts.Identity.InstanceId,
        InstanceType = facts.Identity.InstanceType,
        TotalRamInKb = Figure(facts.Figures.TotalMemoryKb),
        FreeRamInKb = Figure(facts.Figures.FreeMemoryKb),
        AvailableRamInKb = Figure(facts.Figures.AvailableMemoryKb),
        IsDyingHeartbeat = isDying,
    };

    /// <summary>A figure that cannot be read is sent as 0: the field must hold a number.</summary>
    private static string Figure(long? kb) => (kb ?? 0).ToString(CultureInfo.InvariantCulture);
}
