using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;

namespace Docker.DotNet;

/// <summary>A property that travels in the query string.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class QueryAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}

/// <summary>Writes the properties that carry a <see cref="QueryAttribute"/>. What equals its type's default is left out.</summary>
internal static class Query
{
    private static readonly ConcurrentDictionary<Type, (string Name, PropertyInfo Property)[]> Shapes = new();

    public static string Of(object parameters)
    {
        var pairs = Shapes.GetOrAdd(parameters.GetType(), ShapeOf)
            .Select(p => (p.Name, Value: p.Property.GetValue(parameters)))
            .Where(p => !IsDefault(p.Value))
            .Select(p => $"{p.Name}={Uri.EscapeDataString(Text(p.Value))}");
        return string.Join('&', pairs);
    }

    private static (string, PropertyInfo)[] ShapeOf(Type type) => type.GetProperties()
        .Select(p => (p.GetCustomAttribute<QueryAttribute>()?.Name, p))
        .Where(p => p.Name is not null)
        .ToArray();

    private static bool IsDefault(object value) => value switch
    {
        null => true,
        ValueType number => number.Equals(Activator.CreateInstance(number.GetType())),
        _ => false,
    };

    private static string Text(object value) => value switch
    {
        bool truth => truth ? "1" : "0",
        IDictionary map => Wire.Write(map),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };
}
