using System.Collections;
using System.Reflection;
using HostService.Gateway;
using HostService.Grains.Mandelbox;
using HostService.Silo.Reporting;
using Microsoft.Extensions.Configuration.EnvironmentVariables;

namespace HostService.Silo.Hosting;

/// <summary>The keys of our sections. A key that nothing reads is a fault: a typing mistake would otherwise go unnoticed.</summary>
internal static class SettingKeys
{
    private static readonly Dictionary<string, Type> Sections =
        new[] { typeof(HostOptions), typeof(MandelboxOptions), typeof(GatewayOptions), typeof(SettingKeys) }
            .SelectMany(type => type.Assembly.GetTypes())
            .Where(type => type is { IsClass: true, IsAbstract: false } && type.Name.EndsWith("Options", StringComparison.Ordinal)
                && type.GetConstructor(Type.EmptyTypes) is not null && Properties(type).Any())
            .ToDictionary(SectionOf, StringComparer.OrdinalIgnoreCase);

    /// <summary>The class's constant <c>Section</c>, or its name without <c>Options</c>.</summary>
    public static string SectionOf(Type options) =>
        options.GetField("Section", BindingFlags.Public | BindingFlags.Static) is { } constant
            ? (string)constant.GetRawConstantValue()!
            : options.Name.EndsWith("Options", StringComparison.Ordinal) ? options.Name[..^"Options".Length] : options.Name;

    /// <summary>The property that is bound to this key, in any case.</summary>
    public static PropertyInfo? PropertyOf(Type options, string key) =>
        Properties(options).FirstOrDefault(p => p.Name.Equals(key, StringComparison.OrdinalIgnoreCase));

    /// <summary>Every unknown key, with the one that was probably meant.</summary>
    public static IEnumerable<string> Validate(IConfigurationRoot configuration)
    {
        foreach (var section in configuration.GetChildren())
        {
            if (Sections.TryGetValue(section.Key, out var options))
            {
                foreach (var fault in FaultsOf(section, options))
                {
                    yield return fault;
                }
            }
            else if (Sections.Keys.Where(known => IsNear(section.Key, known)).MinBy(known => Distance(section.Key, known)) is { } near
                && section.GetChildren().FirstOrDefault(child => IsMeant(configuration, child, near)) is { } setting)
            {
                yield return $"{setting.Path} is no setting: there is no section {section.Key}; did you mean {near}:{setting.Key}?";
            }
        }
    }

    private static IEnumerable<PropertyInfo> Properties(Type options) =>
        options.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is { IsPublic: true });

    private static IEnumerable<string> FaultsOf(IConfigurationSection section, Type options) => section.GetChildren()
        // What is below Logging is .NET's, but for one value.
        .Where(setting => options != typeof(LogFormatOptions) || setting.Value is not null)
        .SelectMany(setting => PropertyOf(options, setting.Key) is { } property
            ? FaultsOfValue(setting, property.PropertyType)
            : [Unknown(setting, options)]);

    private static IEnumerable<string> FaultsOfValue(IConfigurationSection setting, Type type)
    {
        var children = setting.GetChildren().ToList();
        if (type.IsGenericType && typeof(IDictionary).IsAssignableFrom(type))
        {
            return children.SelectMany(child => FaultsOfValue(child, type.GetGenericArguments()[1]));
        }

        if (type.IsArray)
        {
            return setting.Value is { Length: > 0 } && children.Count == 0
                ? [$"{setting.Path} is a list; give its first value as {setting.Path}:0, the next as {setting.Path}:1."]
                : [];
        }

        if (type.IsClass && type != typeof(string))
        {
            return FaultsOf(setting, type);
        }

        return children.Count == 0 ? [] : [$"{children[0].Path} is no setting: {setting.Path} is one value."];
    }

    private static string Unknown(IConfigurationSection setting, Type options)
    {
        var path = setting.Path[..^(setting.Key.Length + 1)];
        var own = Properties(options).Select(p => p.Name).MinBy(name => Distance(setting.Key, name));
        var elsewhere = Sections.FirstOrDefault(s => PropertyOf(s.Value, setting.Key) is not null);
        var meant = elsewhere.Value is { } other && !(own is not null && IsNear(setting.Key, own))
            ? $"{elsewhere.Key}:{PropertyOf(other, setting.Key)!.Name}"
            : $"{path}:{own}";
        return $"{setting.Path} is no setting; did you mean {meant}?";
    }

    /// <summary>
    /// Whether a section that is nearly ours is a mistake. Files and the command line are for this service only; the environment is shared
    /// with other programs, so there the key must be one of ours.
    /// </summary>
    private static bool IsMeant(IConfigurationRoot configuration, IConfigurationSection setting, string near) =>
        PropertyOf(Sections[near], setting.Key) is not null
        || configuration.Providers.Any(p => p is not EnvironmentVariablesConfigurationProvider
            && (p.TryGet(setting.Path, out _) || p.GetChildKeys([], setting.Path).Any()));

    private static bool IsNear(string text, string known) => Distance(text, known) <= (known.Length <= 4 ? 1 : 2);

    /// <summary>The number of letters to insert, leave out, replace or swap, whatever their case.</summary>
    private static int Distance(string one, string other)
    {
        var (a, b) = (one.ToUpperInvariant(), other.ToUpperInvariant());
        var steps = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                steps[i, j] = i == 0 || j == 0 ? i + j : Math.Min(
                    Math.Min(steps[i - 1, j], steps[i, j - 1]) + 1,
                    steps[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    steps[i, j] = Math.Min(steps[i, j], steps[i - 2, j - 2] + 1);
                }
            }
        }

        return steps[a.Length, b.Length];
    }
}
