using HostService.Infrastructure.Backend.Connection;

namespace HostService.Infrastructure.Fleet;

/// <summary>Section <c>FleetDatabase</c>: where a fleet keeps its list of silos and the places of mandelboxes.</summary>
public sealed class FleetDatabaseOptions : IValidatedOptions
{
    public const string Section = "FleetDatabase";

    private const string MaxPoolSize = "Maximum Pool Size";

    /// <summary>
    /// Npgsql's <c>keyword=value;…</c> form, or a <c>postgres://</c> URL. Empty: the fleet is one process that keeps nothing. A secret.
    /// Each process uses 20 connections at most, unless it says <c>Maximum Pool Size</c>.
    /// </summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>For Npgsql; null where no database is configured.</summary>
    /// <exception cref="BackendDatabaseException">It cannot be read; the message says why, without the secret.</exception>
    public string? Npgsql()
    {
        if (ConnectionString.Length == 0)
        {
            return null;
        }

        var builder = ConnectionStringSource.Read(ConnectionString, $"{Section}:{nameof(ConnectionString)}");
        builder.SearchPath = FleetSchema.Name;
        builder.ApplicationName ??= "host-service-fleet";

        // Orleans writes times without a zone, in UTC.
        builder.Timezone = "UTC";

        // No statement changes what a connection has. To reset each that is used again is a transaction more for each statement.
        builder.NoResetOnClose = true;

        // For three silos: PostgreSQL takes 100 connections unless it is told otherwise. More would not be faster.
        if (!builder.ShouldSerialize(MaxPoolSize))
        {
            builder.MaxPoolSize = 20;
        }

        return builder.ToString();
    }

    public IEnumerable<string> Validate()
    {
        try
        {
            Npgsql();
            return [];
        }
        catch (BackendDatabaseException exception)
        {
            return [exception.Message];
        }
    }
}
