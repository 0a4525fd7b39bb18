using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace HostService.Gateway.Wire;

// Every property is nullable: a missing or null field is a bad value (406 or 401), not a malformed body. [Required] is for the OpenAPI
// document only: there such a field is never null.

/// <summary>A call of the backend's.</summary>
internal class BackendBody
{
    [JsonPropertyName("auth_secret"), Description("A token whose scope holds backend, or the shared secret.")]
    public string? AuthSecret { get; init; }
}

internal sealed class DrainBody : BackendBody
{
    [JsonPropertyName("force"), Description("End the mandelboxes now instead of waiting until they have ended.")]
    public bool? Force { get; init; }
}

/// <summary>A user's call: brings a mandelbox up.</summary>
internal class SpinUpBody
{
    [JsonPropertyName("app_name"), Required]
    [Description("For example browsers/chrome. In a local environment :tag may follow; the whole is then the image.")]
    public string? AppName { get; init; }

    [JsonPropertyName("config_encryption_token"), Required, Description("At least 10 characters.")]
    public string? ConfigEncryptionToken { get; init; }

    [JsonPropertyName("jwt_access_token")]
    [Description("The user's token, whose sub is the user id; not looked at in local environments.")]
    public string? JwtAccessToken { get; init; }

    [JsonPropertyName("mandelbox_id"), Required]
    public string? MandelboxId { get; init; }

    [JsonPropertyName("session_id"), Description("May be absent in a local environment, and is then 0.")]
    public ulong? SessionId { get; init; }

    [JsonPropertyName("dpi"), Range(1, 1000)]
    public long? Dpi { get; init; }
}

internal sealed class SetContainerDpiBody : BackendBody
{
    [JsonPropertyName("host_port"), Required, Range(1, 65535)]
    public long? HostPort { get; init; }

    [JsonPropertyName("dpi"), Required, Range(1, 1000)]
    public long? Dpi { get; init; }
}

internal sealed class MountCloudStorageBody : BackendBody
{
    [JsonPropertyName("host_port"), Required, Range(1, 65535)]
    public long? HostPort { get; init; }

    [JsonPropertyName("provider"), Required, Description("google_drive or dropbox.")]
    public string? Provider { get; init; }

    [JsonPropertyName("access_token")]
    public string? AccessToken { get; init; }

    [JsonPropertyName("refresh_token")]
    public string? RefreshToken { get; init; }

    [JsonPropertyName("expiry")]
    public string? Expiry { get; init; }

    [JsonPropertyName("token_type")]
    public string? TokenType { get; init; }

    [JsonPropertyName("client_id")]
    public string? ClientId { get; init; }

    [JsonPropertyName("client_secret")]
    public string? ClientSecret { get; init; }
}

internal sealed class RegisterDockerContainerIdBody : BackendBody
{
    [JsonPropertyName("docker_id"), Required, Description("The engine's id: 12 to 64 hexadecimal digits.")]
    public string? DockerId { get; init; }

    [JsonPropertyName("fractal_id"), Required, Description("The mandelbox id.")]
    public string? FractalId { get; init; }
}

internal sealed class CreateUinputDevicesBody : BackendBody
{
    [JsonPropertyName("fractal_id"), Required, Description("The mandelbox id.")]
    public string? FractalId { get; init; }
}

/// <summary>What a spun-up mandelbox is reached by.</summary>
internal sealed record SpinUpResult(
    [property: JsonPropertyName("port_32262")] int Port32262,
    [property: JsonPropertyName("port_32263")] int Port32263,
    [property: JsonPropertyName("port_32273")] int Port32273,
    [property: JsonPropertyName("aes_key")] string AesKey)
{
    /// <summary>Leaves the key out, so that no log can hold it.</summary>
    public override string ToString() => $"{Port32262}/tcp, {Port32263}/udp, {Port32273}/tcp";
}

/// <summary>A device for a container to come, with the names that the ECS agent reads.</summary>
internal sealed record WireDevice(
    [property: JsonPropertyName("path_on_host")] string PathOnHost,
    [property: JsonPropertyName("path_in_container")] string PathInContainer,
    [property: JsonPropertyName("cgroup_permissions")] string CgroupPermissions);

internal sealed record SpinUpAnswer([property: JsonPropertyName("result")] SpinUpResult Result);

internal sealed record TextAnswer([property: JsonPropertyName("result")] string Result);

internal sealed record WireRefusal(
    [property: JsonPropertyName("result")] string Result, [property: JsonPropertyName("error")] string Error);
