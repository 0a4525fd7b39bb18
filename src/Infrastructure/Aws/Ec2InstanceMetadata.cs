using System.Net;
using System.Net.Sockets;

namespace HostService.Infrastructure.Aws;

/// <summary>Reads the identity value by value and keeps each, so that after a failure only the missing values are read again.</summary>
public sealed partial class Ec2InstanceMetadata(
    IOptions<Ec2Options> options, TimeProvider timeProvider, ILogger<Ec2InstanceMetadata> logger)
    : IInstanceMetadata, IDisposable
{
    private readonly Dictionary<string, string> _known = [];
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Ec2Options _options = options.Value;

    // A link-local address is never reached through a proxy, and the metadata service does not redirect.
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });

    public async Task<HostIdentity> ReadAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var metadata = new MetadataClient(_http, _options, timeProvider, logger);
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

    private async Task<string> ValueAsync(
        MetadataClient metadata, string path, Func<string, bool> isUsable, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue(path, out var known))
        {
            return known;
        }

        var value = (await metadata.GetAsync(path, cancellationToken))?.Trim()
            ?? throw new InstanceMetadataException(
                $"instance metadata at {_options.MetadataEndpoint} has no {path} (HTTP 404){Advice(path)}");
        if (!isUsable(value))
        {
            throw new InstanceMetadataException($"instance metadata at {_options.MetadataEndpoint} gave no usable {path}: {Quoted(value)}");
        }

        return _known[path] = value;
    }

    private async Task<string> NameAsync(MetadataClient metadata, string instanceId, string region, CancellationToken cancellationToken)
    {
        const string path = "tags/instance/Name";
        if (_known.TryGetValue(path, out var known))
        {
            return known;
        }

        var name = await metadata.GetAsync(path, cancellationToken);
        if (name is null)
        {
            LogNoMetadataTags(instanceId);
            name = await new NameTagReader(_options, timeProvider, metadata).ReadAsync(instanceId, region, cancellationToken);
        }

        if (string.IsNullOrWhiteSpace(name))
        {
            throw new InstanceMetadataException($"instance {instanceId} has no Name tag, which is the host's key in the web backend");
        }

        return _known[path] = name.Trim();
    }

    private static string Advice(string path) => path == "public-ipv4" ? ": the instance needs a public IPv4 address" : "";

    // Refuses only what cannot be a value: a web page from something in between, or a value cut off at its end. Which ids, types and
    // regions exist is Amazon's decision, and HTTP's content length shows whether an answer is complete.
    private static bool IsWord(string value) =>
        value.Length > 0 && !value.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == '<') && value[^1] is not ('-' or '.');

    private static bool IsId(string value, string prefix) => IsWord(value) && value.StartsWith(prefix, StringComparison.Ordinal);

    /// <summary>It also becomes part of the EC2 API's host name.</summary>
    private static bool IsRegion(string value) => IsWord(value) && value.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');

    private static bool IsIpv4(string value) =>
        value.Split('.') is { Length: 4 } parts && parts.All(p => p.Length > 0 && p.All(char.IsAsciiDigit))
        && IPAddress.TryParse(value, out var address) && address.AddressFamily == AddressFamily.InterNetwork;

    private static string Quoted(string value) =>
        $"\"{string.Concat(value.Take(80).Select(c => char.IsControl(c) ? '?' : c))}\" ({value.Length} characters)";

    [LoggerMessage(LogLevel.Information, "Instance {InstanceId} has no Name among its metadata tags: asking the EC2 API")]
    private partial void LogNoMetadataTags(string instanceId);
}
