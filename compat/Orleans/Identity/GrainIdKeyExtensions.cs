using System.Globalization;
using System.Text;

namespace Orleans.Runtime;

/// <summary>Integer and guid keys as the text they are kept in: hexadecimal, then <c>+</c> and the extension if there is one.</summary>
public static class GrainIdKeyExtensions
{
    public static IdSpan CreateIntegerKey(long key) => IdSpan.Create(key.ToString("X", CultureInfo.InvariantCulture));

    public static IdSpan CreateIntegerKey(long key, string? keyExtension) =>
        string.IsNullOrWhiteSpace(keyExtension) ? CreateIntegerKey(key) : IdSpan.Create($"{key:X}+{keyExtension}");

    public static IdSpan CreateGuidKey(Guid key) => IdSpan.Create(key.ToString("N"));

    public static IdSpan CreateGuidKey(Guid key, string? keyExtension) =>
        string.IsNullOrWhiteSpace(keyExtension) ? CreateGuidKey(key) : IdSpan.Create($"{key:N}+{keyExtension}");

    public static bool TryGetIntegerKey(this GrainId grainId, out long key, out string? keyExt)
    {
        var (head, extension) = Split(grainId);
        keyExt = extension;
        return long.TryParse(head, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out key);
    }

    public static long GetIntegerKey(this GrainId grainId, out string? keyExt) =>
        TryGetIntegerKey(grainId, out var key, out keyExt) ? key : throw NotAKey(grainId, "an integer");

    public static long GetIntegerKey(this GrainId grainId) => GetIntegerKey(grainId, out _);

    public static bool TryGetGuidKey(this GrainId grainId, out Guid key, out string? keyExt)
    {
        var (head, extension) = Split(grainId);
        keyExt = extension;
        return Guid.TryParseExact(head, "N", out key);
    }

    public static Guid GetGuidKey(this GrainId grainId, out string? keyExt) =>
        TryGetGuidKey(grainId, out var key, out keyExt) ? key : throw NotAKey(grainId, "a guid");

    public static Guid GetGuidKey(this GrainId grainId) => GetGuidKey(grainId, out _);

    private static (string Head, string? Extension) Split(GrainId grainId)
    {
        var text = Encoding.UTF8.GetString(grainId.Key.AsSpan());
        var plus = text.IndexOf('+', StringComparison.Ordinal);
        return plus < 0 ? (text, null) : (text[..plus], text[(plus + 1)..]);
    }

    private static ArgumentException NotAKey(GrainId grainId, string what) => new($"The key of grain {grainId} is not {what}.", nameof(grainId));
}
