using System.Collections.Concurrent;
using System.Reflection;
using Orleans.Serialization;

namespace Orleans.Runtime;

/// <summary>Whether everything in the signatures of an interface may cross a call. Depends on the types alone, so each interface is looked at once.</summary>
internal static class SignatureCheck
{
    private static readonly ConcurrentDictionary<Type, string[]> s_complaints = new();

    public static string[] Complaints(Type interfaceType) => s_complaints.GetOrAdd(interfaceType, static type => [.. Check(type)]);

    private static IEnumerable<string> Check(Type interfaceType)
    {
        foreach (var method in ProxyFactory.MethodsOf(interfaceType))
        {
            var where = $"{interfaceType.FullName}.{method.Name}";
            if (method.IsGenericMethod)
            {
                yield return $"{where} is generic, which compat/Orleans does not cover";
                continue;
            }

            if (!RequestKinds.IsSupported(method.ReturnType))
                yield return $"{where} returns {method.ReturnType}";
            else if (RequestKinds.ResultOf(method.ReturnType) is { } result)
            {
                foreach (var complaint in Walk(result, where))
                    yield return complaint;
            }

            foreach (var parameter in method.GetParameters())
            {
                if (parameter.ParameterType.IsByRef)
                    yield return $"{where}: parameter {parameter.Name} is passed by reference";
                else
                {
                    foreach (var complaint in Walk(parameter.ParameterType, where))
                        yield return complaint;
                }
            }
        }
    }

    private static IEnumerable<string> Walk(Type type, string where)
    {
        var seen = new HashSet<Type>();
        var queue = new Queue<Type>([type]);
        while (queue.TryDequeue(out var next))
        {
            if (!seen.Add(next) || next.ContainsGenericParameters || next.IsPrimitive || next.IsEnum || next == typeof(object))
                continue;
            if (next.IsArray)
            {
                queue.Enqueue(next.GetElementType()!);
                continue;
            }

            if (next.IsGenericType)
            {
                foreach (var argument in next.GetGenericArguments())
                    queue.Enqueue(argument);
            }

            if (typeof(Exception).IsAssignableFrom(next) || typeof(IAddressable).IsAssignableFrom(next))
                continue;

            // What an interface or a framework's abstract class turns out to be is looked at when it is passed.
            if (next.IsInterface || (next.IsAbstract && !IsOurs(next)))
                continue;
            if (!next.IsDefined(typeof(GenerateSerializerAttribute), false))
            {
                if (next.IsAbstract || !Copiers.IsCarried(next))
                    yield return $"{next} has no [GenerateSerializer] ({where})";
                continue;
            }

            foreach (var member in MemberCopiers.NumberedMembers(next))
                queue.Enqueue(member is FieldInfo field ? field.FieldType : ((PropertyInfo)member).PropertyType);
            foreach (var name in Unnumbered(next))
                yield return $"{next}.{name} has no [Id] and would be lost on the way ({where})";
        }
    }

    // Whatever stores something and is neither numbered nor left out on purpose.
    private static IEnumerable<string> Unnumbered(Type type)
    {
        if (MemberCopiers.TakesAllPublicProperties(type) || type.Assembly == typeof(SignatureCheck).Assembly)
            return [];
        const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        var properties = type.GetProperties(Declared)
            .Where(p => MemberCopiers.BackingField(p) is { } field && !MemberCopiers.IsNumbered(p) && !field.IsDefined(typeof(NonSerializedAttribute)))
            .Select(p => p.Name);
        var fields = type.GetFields(Declared)
            .Where(f => !f.Name.StartsWith('<') && !MemberCopiers.IsNumbered(f) && !f.IsDefined(typeof(NonSerializedAttribute)))
            .Select(f => f.Name);
        return properties.Concat(fields);
    }

    private static bool IsOurs(Type type) => type.IsDefined(typeof(GenerateSerializerAttribute), false) || type.Namespace?.StartsWith("System", StringComparison.Ordinal) != true;
}
