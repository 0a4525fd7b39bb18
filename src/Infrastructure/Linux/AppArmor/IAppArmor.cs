namespace HostService.Infrastructure.Linux.AppArmor;

/// <summary>AppArmor confinement of mandelboxes (B3).</summary>
public interface IAppArmor
{
    /// <summary>Null, or why this machine cannot confine; then a container that names a profile would not start.</summary>
    string? Unavailable { get; }

    /// <summary>Whether the kernel has the mandelboxes' profile; null where only root may know.</summary>
    bool? IsLoaded { get; }

    /// <summary>Loads the mandelboxes' profile into the kernel, replacing an earlier one. Throws <see cref="AppArmorException"/>.</summary>
    Task LoadAsync(CancellationToken cancellationToken);
}

/// <summary>The profile of mandelboxes.</summary>
public static class AppArmorProfile
{
    public const string Name = "mandelbox-apparmor-profile";

    /// <summary>The content of the file in <c>deploy/apparmor</c>.</summary>
    public static string Text { get; } = EmbeddedFile.Read(Name);
}

/// <summary>The profile could not be loaded; the message has the parser's error output.</summary>
public sealed class AppArmorException(string message, Exception? inner = null) : Exception(message, inner);
