using HostService.Tests.Support;

namespace HostService.Tests.Engine;

/// <summary>A test of what only the real package does; skipped, with the reason, where the build is on its stand-in.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RealOrleansFactAttribute : FactAttribute
{
    public RealOrleansFactAttribute() =>
        Skip = EngineFixture.WhyNot ?? (IsStandIn ? "a client in another process than its silo needs the real Microsoft.Orleans package; this build is on compat/Orleans" : null);

    public static bool IsStandIn { get; } = File.Exists(Path.Combine(AppContext.BaseDirectory, "HostService.Compat.Orleans.dll"));
}
