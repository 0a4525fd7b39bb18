using System.Collections.Immutable;
using System.Reflection.Metadata;

namespace HostService.Tests.Packages.Orleans.StandIn;

/// <summary>Attributes as text, and what they say about nullability.</summary>
internal sealed class AttributeText(MetadataReader reader, TypeDefinitionHandle type)
{
    private const string Compiler = "System.Runtime.CompilerServices.";

    // Said by the language, not by the author, or only to a debugger; required, params and extension are part of a signature.
    private static readonly HashSet<string> s_kept = [Compiler + "RequiredMemberAttribute", Compiler + "ExtensionAttribute"];

    /// <summary>Attributes that their author has written, in order of their names.</summary>
    public string On(CustomAttributeHandleCollection handles) =>
        string.Concat(handles.Select(reader.GetCustomAttribute).Where(IsWritten).Select(Text).Order(StringComparer.Ordinal).Select(t => $"[{t}] "));

    /// <summary><c>?</c> where null may be, <c>!</c> where it may not, nothing where it is not said or cannot be.</summary>
    public string Nullability(CustomAttributeHandleCollection? own, TypeText text, CustomAttributeHandleCollection? method)
    {
        if (!text.HoldsReferences)
            return "";
        var flags = Flags(own, "NullableAttribute") ?? Flags(method, "NullableContextAttribute") ?? FromTypes();
        return string.Concat((flags ?? []).Select(f => f switch { 1 => '!', 2 => '?', _ => '~' }));
    }

    private ImmutableArray<byte>? FromTypes()
    {
        for (var handle = type; !handle.IsNil; handle = reader.GetTypeDefinition(handle).GetDeclaringType())
        {
            if (Flags(reader.GetTypeDefinition(handle).GetCustomAttributes(), "NullableContextAttribute") is { } flags)
                return flags;
        }

        return Flags(reader.GetModuleDefinition().GetCustomAttributes(), "NullableContextAttribute");
    }

    private ImmutableArray<byte>? Flags(CustomAttributeHandleCollection? handles, string name)
    {
        if (handles is not { } own)
            return null;
        foreach (var attribute in own.Select(reader.GetCustomAttribute))
        {
            if (NameOf(attribute) != Compiler + name)
                continue;
            var value = attribute.DecodeValue(SignatureText.Instance).FixedArguments[0].Value;
            return value is byte one ? [one] : [.. ((ImmutableArray<CustomAttributeTypedArgument<TypeText>>)value!).Select(a => (byte)a.Value!)];
        }

        return null;
    }

    private bool IsWritten(CustomAttribute attribute)
    {
        var name = NameOf(attribute);
        if (name.StartsWith("System.Diagnostics.Debugger", StringComparison.Ordinal) || name == "System.Reflection.DefaultMemberAttribute")
            return false;

        // The compiler puts it on constructors of types with required members.
        if (name == "System.ObsoleteAttribute" && Text(attribute).Contains("required members", StringComparison.Ordinal))
            return false;
        return !name.StartsWith(Compiler, StringComparison.Ordinal) || s_kept.Contains(name);
    }

    private string Text(CustomAttribute attribute)
    {
        var value = attribute.DecodeValue(SignatureText.Instance);
        var arguments = value.FixedArguments.Select(a => Value(a.Value)).Concat(value.NamedArguments.Select(a => $"{a.Name}={Value(a.Value)}"));
        return $"{NameOf(attribute)}({string.Join(", ", arguments)})";
    }

    private static string Value(object? value) => value switch
    {
        null => "null",
        TypeText typeText => typeText.Name,
        ImmutableArray<CustomAttributeTypedArgument<TypeText>> many => string.Join("|", many.Select(a => Value(a.Value))),
        _ => value.ToString() ?? "",
    };

    private string NameOf(CustomAttribute attribute) => attribute.Constructor.Kind == HandleKind.MethodDefinition
        ? SignatureText.NameOf(reader, reader.GetMethodDefinition((MethodDefinitionHandle)attribute.Constructor).GetDeclaringType())
        : SignatureText.NameOf(reader, reader.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent);
}
