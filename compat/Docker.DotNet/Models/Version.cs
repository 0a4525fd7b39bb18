using System.Text.Json.Serialization;

namespace Docker.DotNet.Models;

/// <summary>Of a swarm's object. It is here because its name hides <see cref="global::System.Version"/> wherever both namespaces are open, as in the package.</summary>
public class Version
{
    [JsonPropertyName("Index")]
    public ulong Index { get; set; }
}
