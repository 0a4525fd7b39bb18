using System.Text.Json;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>Removes a drive's secrets from rclone's output, in their plain form and as JSON and URLs encode them.</summary>
internal sealed class SecretScrubber
{
    private readonly string[] _secrets;

    public SecretScrubber(CloudDrive drive) =>
        _secrets = [.. new[] { drive.AccessToken, drive.RefreshToken, drive.ClientSecret }
            .Where(secret => secret.Length > 0)
            .SelectMany(secret => new[] { secret, JsonSerializer.Serialize(secret)[1..^1], Uri.EscapeDataString(secret) })
            .Distinct(StringComparer.Ordinal)

            // The longest first: one may be the beginning of another.
            .OrderByDescending(secret => secret.Length)];

    public string Scrub(string text) =>
        _secrets.Aggregate(text, static (rest, secret) => rest.Replace(secret, "***", StringComparison.Ordinal));
}
