using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace HostService.Gateway.Ops;

/// <summary>A file of the ops page, which this assembly contains.</summary>
internal sealed class OpsFile
{
    private readonly string _contentType;
    private readonly byte[] _content;
    private readonly EntityTagHeaderValue _entityTag;

    private OpsFile(string name, string contentType)
    {
        Name = name;
        _contentType = contentType;
        using var resource = typeof(OpsFile).Assembly.GetManifestResourceStream(name)!;
        _content = new byte[resource.Length];
        resource.ReadExactly(_content);
        _entityTag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(_content).AsSpan(0, 16))}\"");
    }

    public static IReadOnlyList<OpsFile> All { get; } =
    [
        new("ops.css", "text/css; charset=utf-8"),
        new("ops.js", "text/javascript; charset=utf-8"),
        new("fleet.js", "text/javascript; charset=utf-8"),
        new("icon.svg", "image/svg+xml"),
    ];

    public string Name { get; }

    /// <summary>Answers 304 to a browser that has it.</summary>
    public IResult Answer(HttpContext context)
    {
        // The next version of the service has other files under the same names.
        context.Response.Headers.CacheControl = "no-cache";
        return Results.Bytes(_content, _contentType, entityTag: _entityTag);
    }
}
