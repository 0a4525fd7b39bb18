using System.Net;
using System.Net.Sockets;
using HostService.GrainInterfaces;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Aws;

/// <summary>Reads the identity value by value and keeps what it has read, so that a failure costs only the values still missing.</summary>
public sealed partial class Ec2InstanceMetadata : IInstanceMetadata, IDisposable
{
    private readonly Dictionary<string, string> _known = [];
    private readonly SemaphoreSlim _turn = new(1);
    private readonly HttpMessageInvoker _http;
    private readonly Ec2Options _options;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger<Ec2InstanceMetadata> _log;

    public Ec2InstanceMetadata(IOptions<Ec2Options> options, TimeProvider timeProvider, ILogger<Ec2InstanceMetadata> log)
    {
        _options = options.Value;
        _timeProvider = timeProvider;
        _log = log;

        // The link-local address is never reached through a proxy, and nobody there redirects.
        _http = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
    }

    public async Task<HostIdentity> ReadAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var metadata = new MetadataClient(_http, _options, _timeProvider, _log);
            var id = await ValueAsync(metadata, "instance-id", v => IsId(v, "i-"), cancellationToken);
            var type = await ValueAsync(metadata, "instance-type", IsWord, cancellationToken);
            var ami = await ValueAsync(metadata, "ami-id", v => IsId(v, "ami-"), cancellationToken);
            var region = await ValueAsync(metadata, "placement/region", IsRegion, cancellationToken);
            var address = await ValueAsync(metadata, "public-ipv4", IsIpv4, cancellationToken);
            var name = await NameAsync(metadata, id, region, cancellationToken);
            return new HostIdentity(name, id, type, ami, region, address);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _turn.Dispose();
    }

    private async Task<string> ValueAsync(MetadataClient metadata, string path, Func<string, bool> isUsable, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue(path, out var known))
            return known;
        var value = (await metadata.GetAsync(path, cancellationToken))?.Trim()
            ?? throw new InstanceMetadataException($"instance metadata at {_options.MetadataEndpoint} has no {path} (HTTP 404){Advice(path)}");
        if (!isUsable(value))
            throw new InstanceMetadataException($"instance metadata at {_options.MetadataEndpoint} gave no usable {path}: {Quoted(value)}");
        return _known[path] = value;
    }

    private async Task<string> NameAsync(MetadataClient metadata, string instanceId, string region, CancellationToken cancellationToken)
    {
        const string path = "tags/instance/Name";
        if (_known.TryGetValue(path, out var known))
            return known;
        var name = await metadata.GetAsync(path, cancellationToken);
        if (name is null)
        {
            LogNoMetadataTags(instanceId);
            name = await new Ec2Api(_http, _options, _timeProvider, metadata).NameTagAsync(instanceId, region, cancellationToken);
        }

        if (string.IsNullOrWhiteSpace(name))
            throw new InstanceMetadataException($"instance {instanceId} has no Name tag; the web backend knows its hosts by that name");
        return _known[path] = name.Trim();
    }

    private static string Advice(string path) => path == "public-ipv4" ? ": the instance needs a public IPv4 address" : "";

    // Only what cannot be one at all is refused: a page from something in between, or an end that is plainly missing. Which ids, types and regions there are is
    // Amazon's to say, and whether an answer is whole is told by HTTP's own length.
    private static bool IsWord(string value) =>
        value.Length > 0 && !value.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == '<') && value[^1] is not ('-' or '.');

    private static bool IsId(string value, string prefix) => IsWord(value) && value.StartsWith(prefix, StringComparison.Ordinal);

    /// <summary>It becomes part of a host's name, too.</summary>
    private static bool IsRegion(string value) => IsWord(value) && value.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');

    private static bool IsIpv4(string value) =>
        value.Split('.') is { Length: 4 } parts && parts.All(p => p.Length > 0 && p.All(char.IsAsciiDigit))
        && IPAddress.TryParse(value, out var address) && address.AddressFamily == AddressFamily.InterNetwork;

    private static string Quoted(string value) =>
        $"\"{string.Concat(value.Take(80).Select(c => char.IsControl(c) ? '?' : c))}\" ({value.Length} characters)";

    [LoggerMessage(LogLevel.Information, "Instance {InstanceId} has no Name among its metadata tags: asking the EC2 API")]
    private partial void LogNoMetadataTags(string instanceId);
}
