using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Wire;

/// <summary>Calls of the backend that name a mandelbox by the host port of its 32262/tcp.</summary>
internal static class HostPortEndpoints
{
    public static void MapHostPortCalls(this IEndpointRouteBuilder routes)
    {
        routes.MapWire<SetContainerDpiBody, TextAnswer>(
            "PUT", "/set_container_dpi", "Sets the dots per inch of the mandelbox behind a host port.", SetDpiAsync);
        routes.MapWire<MountCloudStorageBody, TextAnswer>(
            "POST", "/mount_cloud_storage", "Mounts a cloud drive into the mandelbox behind a host port.", MountAsync);
    }

    private static async Task<WireResult> SetDpiAsync(WireRequest<SetContainerDpiBody> request, GrainCalls grains)
    {
        var body = request.Body;
        if (FieldRules.First(FieldRules.HostPort(body.HostPort), FieldRules.Dpi(body.Dpi)) is { } fault)
        {
            return WireResult.Refused(fault);
        }

        return await FindAsync(grains, body.HostPort!.Value) is { } mandelbox
            ? WireResult.Outcome(await grains.WithTimeout(mandelbox.SetDpi((int)body.Dpi!.Value)))
            : NoMandelbox(body.HostPort.Value);
    }

    private static async Task<WireResult> MountAsync(WireRequest<MountCloudStorageBody> request, GrainCalls grains)
    {
        var body = request.Body;
        var fault = FieldRules.First(
            FieldRules.HostPort(body.HostPort),
            FieldRules.Provider(body.Provider),
            FieldRules.OneLine(body.AccessToken, "access_token"),
            FieldRules.OneLine(body.RefreshToken, "refresh_token"),
            FieldRules.OneLine(body.Expiry, "expiry"),
            FieldRules.OneLine(body.TokenType, "token_type"),
            FieldRules.OneLine(body.ClientId, "client_id"),
            FieldRules.OneLine(body.ClientSecret, "client_secret"));
        if (fault is not null)
        {
            return WireResult.Refused(fault);
        }

        if (await FindAsync(grains, body.HostPort!.Value) is not { } mandelbox)
        {
            return NoMandelbox(body.HostPort.Value);
        }

        return WireResult.Outcome(await grains.WithMandelboxTimeout(mandelbox.MountCloudStorage(new CloudDrive
        {
            Provider = body.Provider!,
            AccessToken = body.AccessToken ?? "",
            RefreshToken = body.RefreshToken ?? "",
            Expiry = body.Expiry ?? "",
            TokenType = body.TokenType ?? "",
            ClientId = body.ClientId ?? "",
            ClientSecret = body.ClientSecret ?? "",
        })));
    }

    private static async Task<IMandelboxGrain?> FindAsync(GrainCalls grains, long hostPort) =>
        await grains.WithTimeout(grains.Host.FindByHostPort((int)hostPort, Transport.Tcp)) is { } id ? grains.Mandelbox(id) : null;

    private static WireResult NoMandelbox(long hostPort) => WireResult.Refused($"no mandelbox has host port {hostPort}/tcp");
}
