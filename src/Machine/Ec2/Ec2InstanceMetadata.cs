using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Machine.Ec2;

/// <summary>Reads the identity value by value and keeps what it has read, so that a failure costs only the values still missing.</summary>
public sealed partial class Ec2InstanceMetadata : IInstanceMetadata, IDisposable
{
    private readonly Dictionary<string, string> _known = [];
    private readonly SemaphoreSlim _turn = new(1);
    private readonly HttpMessageInvoker _http;
    private readonly Ec2Options _options;
    private readonly TimeProvider _time;
    private readonly ILogger<Ec2InstanceMetadata> _log;

    public Ec2InstanceMetadata(IOptions<Ec2Options> options, TimeProvider time, ILogger<Ec2InstanceMetadata> log)
    {
        _options = options.Value;
        _time = time;
        _log = log;

        // The link-local address is never reached through a proxy, and nobody there redirects.
        _http = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
    }

    public async Task<InstanceIdentity> ReadAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var metadata = new MetadataClient(_http, _options, _time, _log);
            var id = await ValueAsync(metadata, "instance-id", InstanceId(), cancellationToken);
            var type = await ValueAsync(metadata, "instance-type", InstanceType(), cancellationToken);
            var ami = await ValueAsync(metadata, "ami-id", AmiId(), cancellationToken);
            var region = await ValueAsync(metadata, "placement/region", Region(), cancellationToken);
            var address = await ValueAsync(metadata, "public-ipv4", Ipv4(), cancellationToken);
            var name = await NameAsync(metadata, id, region, cancellationToken);
            return new InstanceIdentity(name, id, type, ami, region, address);
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

    private async Task<string> ValueAsync(MetadataClient metadata, string path, Regex shape, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue(path, out var known))
            return known;
        var value = await metadata.GetAsync(path, cancellationToken)
            ?? throw new InstanceMetadataException($"instance metadata at {_options.MetadataEndpoint} has no {path} (HTTP 404){Advice(path)}");
        if (!shape.IsMatch(value) || (path == "public-ipv4" && !IsIpv4(value)))
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
            name = await new Ec2Api(_http, _options, _time, metadata).NameTagAsync(instanceId, region, cancellationToken);
        }

        if (string.IsNullOrWhiteSpace(name))
            throw new InstanceMetadataException($"instance {instanceId} has no Name tag; the web backend knows its hosts by that name");
        return _known[path] = name;
    }

    private static string Advice(string path) => path == "public-ipv4" ? ": the instance needs a public IPv4 address" : "";

    private static bool IsIpv4(string value) => IPAddress.TryParse(value, out var address) && address.AddressFamily == AddressFamily.InterNetwork;

    private static string Quoted(string value) =>
        $"\"{string.Concat(value.Take(80).Select(c => char.IsControl(c) ? '?' : c))}\" ({value.Length} characters)";

    // Half an answer may look whole to HTTP; it does not look whole here. Ids are 8 or 17 hexadecimal digits.
    [GeneratedRegex("^i-([0-9a-f]{8}|[0-9a-f]{17})$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex InstanceId();

    [GeneratedRegex("^ami-([0-9a-f]{8}|[0-9a-f]{17})$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AmiId();

    [GeneratedRegex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Region();

    [GeneratedRegex(@"^[a-z0-9-]+\.[a-z0-9-]+$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex InstanceType();

    [GeneratedRegex(@"^[0-9]+(\.[0-9]+){3}$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Ipv4();

    [LoggerMessage(LogLevel.Information, "Instance {InstanceId} has no Name among its metadata tags: asking the EC2 API")]
    private partial void LogNoMetadataTags(string instanceId);
}
