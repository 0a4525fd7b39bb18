using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace HostService.Tests.Packages.Orleans.StandIn;

/// <summary>A public type: how it is declared, and its members, each as one line of text.</summary>
internal sealed record SurfaceType(string Name, string Declaration, ImmutableArray<string> Interfaces, ImmutableArray<string> Members);

/// <summary>What an assembly shows to those who reference it.</summary>
internal sealed class PublicSurface : IDisposable
{
    private readonly PEReader _image;
    private readonly MetadataReader _reader;

    public PublicSurface(string path)
    {
        _image = new PEReader(File.OpenRead(path));
        _reader = _image.GetMetadataReader();
    }

    public void Dispose() => _image.Dispose();

    public IEnumerable<SurfaceType> Types() => _reader.TypeDefinitions.Where(IsVisible).Select(Read);

    // A bit rather than an attribute in metadata, and by name obsolete.
    private static bool IsSerializable(TypeDefinition type) => ((int)type.Attributes & 0x2000) != 0;

    private static string Flags(params (bool On, string Name)[] flags) => string.Concat(flags.Where(f => f.On).Select(f => f.Name + " "));

    private bool IsVisible(TypeDefinitionHandle handle)
    {
        var type = _reader.GetTypeDefinition(handle);
        return (type.Attributes & TypeAttributes.VisibilityMask) switch
        {
            TypeAttributes.Public => true,
            TypeAttributes.NestedPublic or TypeAttributes.NestedFamily or TypeAttributes.NestedFamORAssem => IsVisible(type.GetDeclaringType()),
            _ => false,
        };
    }

    private SurfaceType Read(TypeDefinitionHandle handle)
    {
        var type = _reader.GetTypeDefinition(handle);
        var name = SignatureText.NameOf(_reader, handle);
        var generics = new GenericNames(Parameters(type.GetGenericParameters()), []);
        var attributes = new AttributeText(_reader, handle);
        var declaration = attributes.On(type.GetCustomAttributes())
            + Flags(
                (IsSerializable(type), "[Serializable]"),
                (type.Attributes.HasFlag(TypeAttributes.Interface), "interface"),
                (type.Attributes.HasFlag(TypeAttributes.Abstract), "abstract"),
                (type.Attributes.HasFlag(TypeAttributes.Sealed), "sealed"))
            + name + Constraints(type.GetGenericParameters(), generics)
            + (type.BaseType.IsNil ? "" : $" : {Name(type.BaseType, generics)}");
        var interfaces = type.GetInterfaceImplementations().Select(i => Name(_reader.GetInterfaceImplementation(i).Interface, generics));
        var accessors = type.GetProperties().Select(p => _reader.GetPropertyDefinition(p).GetAccessors())
            .SelectMany(a => new[] { a.Getter, a.Setter }).Where(a => !a.IsNil).ToHashSet();
        var members = type.GetFields().Select(f => Field(f, generics, attributes))
            .Concat(type.GetProperties().Select(p => Property(p, generics, attributes)))
            .Concat(type.GetMethods().Where(m => !accessors.Contains(m)).Select(m => Method(m, generics, attributes)));
        return new SurfaceType(name, declaration, [.. interfaces], [.. members.OfType<string>()]);
    }

    private string? Field(FieldDefinitionHandle handle, GenericNames generics, AttributeText attributes)
    {
        var field = _reader.GetFieldDefinition(handle);
        if ((field.Attributes & FieldAttributes.FieldAccessMask) is not (FieldAttributes.Public or FieldAttributes.Family or FieldAttributes.FamORAssem)
            || field.Attributes.HasFlag(FieldAttributes.RTSpecialName))
            return null;
        var type = field.DecodeSignature(SignatureText.Instance, generics);
        var value = field.GetDefaultValue().IsNil ? "" : $" = {Constant(field.GetDefaultValue())}";
        return attributes.On(field.GetCustomAttributes())
            + Flags(
                ((field.Attributes & FieldAttributes.FieldAccessMask) != FieldAttributes.Public, "protected"),
                (field.Attributes.HasFlag(FieldAttributes.Static), "static"),
                (field.Attributes.HasFlag(FieldAttributes.InitOnly), "readonly"))
            + $"{type.Name}{attributes.Nullability(field.GetCustomAttributes(), type, null)} {_reader.GetString(field.Name)}{value}";
    }

    private string? Property(PropertyDefinitionHandle handle, GenericNames generics, AttributeText attributes)
    {
        var property = _reader.GetPropertyDefinition(handle);
        var accessors = property.GetAccessors();
        var getter = Accessor(accessors.Getter, "get");
        var setter = Accessor(accessors.Setter, "set");
        if (getter is null && setter is null)
            return null;
        var signature = property.DecodeSignature(SignatureText.Instance, generics);
        var method = _reader.GetMethodDefinition(accessors.Getter.IsNil ? accessors.Setter : accessors.Getter);
        return attributes.On(property.GetCustomAttributes()) + Modifiers(method.Attributes)
            + $"{signature.ReturnType.Name}{attributes.Nullability(property.GetCustomAttributes(), signature.ReturnType, method.GetCustomAttributes())} "
            + $"{_reader.GetString(property.Name)} {{ {getter}{setter}}}";

        string? Accessor(MethodDefinitionHandle accessor, string word)
        {
            if (accessor.IsNil || !IsVisible(_reader.GetMethodDefinition(accessor).Attributes))
                return null;
            var definition = _reader.GetMethodDefinition(accessor);
            var access = (definition.Attributes & MethodAttributes.MemberAccessMask) == MethodAttributes.Public ? "" : "protected ";
            var init = definition.DecodeSignature(SignatureText.Instance, generics).ReturnType.Name.Contains("IsExternalInit", StringComparison.Ordinal) ? "init" : word;
            return $"{access}{init}; ";
        }
    }

    private string? Method(MethodDefinitionHandle handle, GenericNames outer, AttributeText attributes)
    {
        var method = _reader.GetMethodDefinition(handle);
        if (!IsVisible(method.Attributes))
            return null;
        var generics = outer with { Method = Parameters(method.GetGenericParameters()) };
        var signature = method.DecodeSignature(SignatureText.Instance, generics);
        var parameters = method.GetParameters().Select(_reader.GetParameter).ToDictionary(p => (int)p.SequenceNumber);
        var list = signature.ParameterTypes.Select((type, i) => Parameter(parameters.TryGetValue(i + 1, out var p) ? p : null, type, method, attributes));
        var returned = parameters.TryGetValue(0, out var r) ? r : (Parameter?)null;
        return attributes.On(method.GetCustomAttributes()) + (returned is { } ret ? attributes.On(ret.GetCustomAttributes()) : "") + Modifiers(method.Attributes)
            + $"{signature.ReturnType.Name}{attributes.Nullability(returned?.GetCustomAttributes(), signature.ReturnType, method.GetCustomAttributes())} "
            + $"{_reader.GetString(method.Name)}{Constraints(method.GetGenericParameters(), generics)}({string.Join(", ", list)})";
    }

    private string Parameter(Parameter? parameter, TypeText type, MethodDefinition method, AttributeText attributes)
    {
        var nullability = attributes.Nullability(parameter?.GetCustomAttributes(), type, method.GetCustomAttributes());
        if (parameter is not { } p)
            return type.Name + nullability;
        var value = !p.Attributes.HasFlag(ParameterAttributes.Optional) ? ""
            : p.GetDefaultValue().IsNil ? " = default" : $" = {Constant(p.GetDefaultValue())}";
        return $"{attributes.On(p.GetCustomAttributes())}{Flags((p.Attributes.HasFlag(ParameterAttributes.Out), "out"), (p.Attributes.HasFlag(ParameterAttributes.In), "in"))}"
            + $"{type.Name}{nullability} {_reader.GetString(p.Name)}{value}";
    }

    private string Constant(ConstantHandle handle)
    {
        var constant = _reader.GetConstant(handle);
        return _reader.GetBlobReader(constant.Value).ReadConstant(constant.TypeCode)?.ToString() ?? "null";
    }

    private static bool IsVisible(MethodAttributes attributes) =>
        (attributes & MethodAttributes.MemberAccessMask) is MethodAttributes.Public or MethodAttributes.Family or MethodAttributes.FamORAssem;

    // Whether a method is virtual and sealed follows from interfaces that the comparison looks at by themselves.
    private static string Modifiers(MethodAttributes attributes) => Flags(
        ((attributes & MethodAttributes.MemberAccessMask) is MethodAttributes.Family or MethodAttributes.FamORAssem, "protected"),
        (attributes.HasFlag(MethodAttributes.Static), "static"),
        (attributes.HasFlag(MethodAttributes.Abstract), "abstract"),
        (attributes.HasFlag(MethodAttributes.Virtual) && !attributes.HasFlag(MethodAttributes.Final), "virtual"));

    private ImmutableArray<string> Parameters(GenericParameterHandleCollection handles) => [.. handles.Select(h => _reader.GetString(_reader.GetGenericParameter(h).Name))];

    private string Constraints(GenericParameterHandleCollection handles, GenericNames generics)
    {
        if (handles.Count == 0)
            return "";
        var parameters = handles.Select(_reader.GetGenericParameter).Select(p =>
            $"{_reader.GetString(p.Name)} {p.Attributes} "
            + string.Join("&", p.GetConstraints().Select(c => Name(_reader.GetGenericParameterConstraint(c).Type, generics)).Order(StringComparer.Ordinal)));
        return $"<{string.Join("; ", parameters)}>";
    }

    private string Name(EntityHandle handle, GenericNames generics) => handle.Kind == HandleKind.TypeSpecification
        ? _reader.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(SignatureText.Instance, generics).Name
        : SignatureText.NameOf(_reader, handle);
}
