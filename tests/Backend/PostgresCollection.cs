using HostService.Tests.Support;

namespace HostService.Tests.Backend;

/// <summary>Tests over one real server, one after another.</summary>
[CollectionDefinition(Name)]
public sealed class PostgresCollection : ICollectionFixture<PostgresFixture>
{
    public const string Name = "postgres";
}
