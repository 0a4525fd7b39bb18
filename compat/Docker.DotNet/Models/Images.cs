using System.Text.Json.Serialization;

namespace Docker.DotNet.Models;

/// <summary>Which images to list.</summary>
public class ImagesListParameters
{
    [Query("all")]
    public bool? All { get; set; }

    [Query("filters")]
    public IDictionary<string, IDictionary<string, bool>> Filters { get; set; }

    [Query("digests")]
    public bool? Digests { get; set; }
}

/// <summary>An image in a list.</summary>
public class ImagesListResponse
{
    public long Containers { get; set; }

    public DateTime Created { get; set; }

    [JsonPropertyName("Id")]
    public string ID { get; set; }

    public IDictionary<string, string> Labels { get; set; }

    [JsonPropertyName("ParentId")]
    public string ParentID { get; set; }

    public IList<string> RepoDigests { get; set; }

    public IList<string> RepoTags { get; set; }

    public long SharedSize { get; set; }

    public long Size { get; set; }

    public long VirtualSize { get; set; }
}

/// <summary>All that the engine knows of an image.</summary>
public class ImageInspectResponse
{
    [JsonPropertyName("Id")]
    public string ID { get; set; }

    public IList<string> RepoTags { get; set; }

    public IList<string> RepoDigests { get; set; }

    public string Parent { get; set; }

    public string Comment { get; set; }

    public DateTime Created { get; set; }

    public string DockerVersion { get; set; }

    public string Author { get; set; }

    public Config Config { get; set; }

    public string Architecture { get; set; }

    public string Os { get; set; }

    public long Size { get; set; }

    public long VirtualSize { get; set; }
}

/// <summary>A further name for an image.</summary>
public class ImageTagParameters
{
    [Query("repo")]
    public string RepositoryName { get; set; }

    [Query("tag")]
    public string Tag { get; set; }

    [Query("force")]
    public bool? Force { get; set; }
}

/// <summary>How to delete.</summary>
public class ImageDeleteParameters
{
    [Query("force")]
    public bool? Force { get; set; }

    [Query("noprune")]
    public bool? NoPrune { get; set; }
}
