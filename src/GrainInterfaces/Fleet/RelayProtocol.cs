using System.Text.Json;
using System.Text.Json.Serialization;

namespace HostService.GrainInterfaces.Fleet;

/// <summary>What both ends of the connection between a relay and its fleet must agree on.</summary>
public static class RelayProtocol
{
    /// <summary>The path of the fleet's gateway to which relays connect; the query names the host (<see cref="HostParameter"/>).</summary>
    public const string Path = "/fleet/relay";

    /// <summary>The query's field in which a relay names its host.</summary>
    public const string HostParameter = "host";

    /// <summary>How the relay calls the fleet.</summary>
    public const string Report = nameof(Report);

    /// <summary>The largest message, in bytes: the report of 54 mandelboxes has some 15,000.</summary>
    public const int LargestMessage = 256 * 1024;

    /// <summary>Events of one mandelbox in an answer, so that it is no larger than <see cref="LargestMessage"/>.</summary>
    public const int MostEvents = 300;

    /// <summary>Between two messages, so that each end knows that the other one is there.</summary>
    public static TimeSpan KeepAlive { get; } = TimeSpan.FromSeconds(2);

    /// <summary>A connection on which nothing came for this time is lost.</summary>
    public static TimeSpan Silence { get; } = TimeSpan.FromSeconds(8);

    public static void Configure(JsonSerializerOptions json) => json.Converters.Add(new JsonStringEnumConverter());
}
