using HostService.Tests.Support;

namespace HostService.Tests.Engine;

/// <summary>Tests that share the one engine, and so run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class EngineCollection : ICollectionFixture<EngineFixture>
{
    public const string Name = "engine";
}
