using HostService.GrainInterfaces;
using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Wire;

/// <summary><c>PUT /set_container_dpi</c>: the mandelbox is named by a host port of its.</summary>
internal sealed class SetContainerDpi(BackendGate gate, GrainCalls grains) : IWireHandler<SetContainerDpiBody>
{
    public async Task<WireResult> HandleAsync(SetContainerDpiBody body, HttpContext context)
    {
        if (await gate.RefuseAsync(body, context) is { } refused)
            return refused;
        if (FieldRules.First(FieldRules.HostPort(body.HostPort), FieldRules.Dpi(body.Dpi)) is { } bad)
            return WireResult.Refused(bad);
        return await grains.FindByHostPortAsync(body.HostPort!.Value) is { } mandelbox
            ? WireResult.Outcome(await grains.Within(mandelbox.SetDpi((int)body.Dpi!.Value)))
            : HostPortCalls.NoMandelbox(body.HostPort.Value);
    }
}

/// <summary><c>POST /mount_cloud_storage</c>.</summary>
internal sealed class MountCloudStorage(BackendGate gate, GrainCalls grains) : IWireHandler<MountCloudStorageBody>
{
    public async Task<WireResult> HandleAsync(MountCloudStorageBody body, HttpContext context)
    {
        if (await gate.RefuseAsync(body, context) is { } refused)
            return refused;
        var bad = FieldRules.First(
            FieldRules.HostPort(body.HostPort),
            FieldRules.Provider(body.Provider),
            FieldRules.OneLine(body.AccessToken, "access_token"),
            FieldRules.OneLine(body.RefreshToken, "refresh_token"),
            FieldRules.OneLine(body.Expiry, "expiry"),
            FieldRules.OneLine(body.TokenType, "token_type"),
            FieldRules.OneLine(body.ClientId, "client_id"),
            FieldRules.OneLine(body.ClientSecret, "client_secret"));
        if (bad is not null)
            return WireResult.Refused(bad);
        if (await grains.FindByHostPortAsync(body.HostPort!.Value) is not { } mandelbox)
            return HostPortCalls.NoMandelbox(body.HostPort.Value);
        return WireResult.Outcome(await grains.WithinMandelbox(mandelbox.MountCloudStorage(new CloudDrive
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
}

internal static class HostPortCalls
{
    /// <summary>The mandelbox that holds this tcp port. (Callers name that of 32262/tcp.)</summary>
    public static async Task<IMandelboxGrain?> FindByHostPortAsync(this GrainCalls grains, long hostPort) =>
        await grains.Within(grains.Host.FindByHostPort((int)hostPort, Transport.Tcp)) is { } id ? grains.Mandelbox(id) : null;

    public static WireResult NoMandelbox(long hostPort) => WireResult.Refused($"no mandelbox has host port {hostPort}/tcp");
}
