namespace HostService.Infrastructure.Backend.Connection;

/// <summary>The database did not answer, or with an error. The message says what was attempted and holds no secret.</summary>
public sealed class BackendDatabaseException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True when the database cannot be reached or does not answer, so that no other query would succeed now.</summary>
    public bool Unreachable { get; init; }

    /// <summary>True when it did not answer in time.</summary>
    public bool TimedOut { get; init; }
}
