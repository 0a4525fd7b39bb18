using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace HostService.Tests.Unit.Documentation;

/// <summary>docs/configuration.md, made of the options classes themselves: their properties, defaults and doc comments.</summary>
internal static partial class ConfigurationPage
{
    private static readonly string[] Assemblies =
        ["HostService.Infrastructure", "HostService.Grains", "HostService.Gateway", "host-service"];

    public static string Write()
    {
        var page = new StringBuilder(
            "# Every configuration key\n\nWritten by `make docs` from the options classes. Durations are `[d.]hh:mm:ss[.fff]`.\n");
        foreach (var (section, type) in Assemblies.SelectMany(Sections).OrderBy(s => s.Section, StringComparer.Ordinal))
        {
            var comments = Comments(type.Assembly);
            var about = Summary(comments, $"T:{type.FullName}").Replace($"Section `{section}`", "", StringComparison.Ordinal).TrimStart(
                '.', ':', ',', ' ');
            page.Append(CultureInfo.InvariantCulture, $"\n## {section}\n\n{(about.Length == 0 ? "" : $"{char.ToUpperInvariant(about[0])}{about[1..]}\n\n")}");
            page.Append("| key | default | meaning |\n|---|---|---|\n");
            var defaults = Activator.CreateInstance(type, nonPublic: true)!;
            foreach (var property in Properties(type))
            {
                var meaning = Summary(comments, $"P:{type.FullName}.{property.Name}");
                page.Append(
                    CultureInfo.InvariantCulture, $"| `{section}__{property.Name}` | {Text(property.GetValue(defaults))} | {meaning} |\n");
            }
        }

        return page.ToString();
    }

    private static IEnumerable<(string Section, Type Type)> Sections(string assembly)
        => Assembly.Load(new AssemblyName(assembly)).GetTypes()
            .Where(type => type is { IsClass: true, IsAbstract: false, IsGenericType: false } && type.Name.EndsWith(
                "Options", StringComparison.Ordinal))
            .Where(type => Properties(type).Any() && type.GetConstructor(Type.EmptyTypes) is not null)
            .Select(type => (SectionOf(type), type));

    // A constant says it, or the doc comment; most classes are named after their section.
    private static string SectionOf(Type type)
        => (string?)type.GetField("Section", BindingFlags.Public | BindingFlags.Static)?.GetRawConstantValue()
            ?? (SaidSection().Match(Summary(Comments(type.Assembly), $"T:{type.FullName}")) is { Success: true } said
                ? said.Groups["name"].Value
                : type.Name[..^"Options".Length]);

    private static IEnumerable<PropertyInfo> Properties(Type type)
        => type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.SetMethod is { IsPublic: true });

    private static Dictionary<string, XElement> Comments(Assembly assembly)
        => XDocument.Load(Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml")).Descendants("member")
            .ToDictionary(member => (string)member.Attribute("name")!, StringComparer.Ordinal);

    private static string Summary(Dictionary<string, XElement> comments, string member)
        => comments.TryGetValue(member, out var comment) && comment.Element("summary") is { } summary
            ? Blanks().Replace(string.Concat(summary.Nodes().Select(Text)), " ").Trim().Replace("|", "\\|", StringComparison.Ordinal)
            : "";

    private static string Text(XNode node) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
        XElement reference when (string?)reference.Attribute("cref") is { } cref => $"`{cref.Split('(')[0].Split('.')[^1]}`",
        XElement element => element.Value,
        _ => "",
    };

    private static string Text(object? value) => value switch
    {
        null or "" => "none",
        string text => $"`{text}`",
        bool truth => truth ? "true" : "false",
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        IDictionary { Count: > 0 } table => string.Join(", ", table.Keys.Cast<object>().Select(key => $"`{key}`")),
        ICollection { Count: 0 } => "none",
        IEnumerable<string> list => string.Join(", ", list.Select(item => $"`{item}`")),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => "",
    };

    [GeneratedRegex("^Section `(?<name>[A-Za-z0-9]+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SaidSection();

    [GeneratedRegex(@"\s+", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Blanks();
}
