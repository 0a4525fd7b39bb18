using System.Collections.Immutable;
using System.Reflection.Metadata;

namespace HostService.Tests.Packages.Orleans.StandIn;

/// <summary>A type as it stands in a signature.</summary>
/// <param name="Name">With namespace, without assembly.</param>
/// <param name="HoldsReferences">Whether any part of it can be null, so that nullability says something about it.</param>
internal sealed record TypeText(string Name, bool HoldsReferences);

/// <summary>Names of the type parameters in scope.</summary>
internal sealed record GenericNames(ImmutableArray<string> Type, ImmutableArray<string> Method);

/// <summary>Turns signatures in metadata into text that two assemblies can be compared by.</summary>
internal sealed class SignatureText : ISignatureTypeProvider<TypeText, GenericNames>, ICustomAttributeTypeProvider<TypeText>
{
    public static SignatureText Instance { get; } = new();

    public TypeText GetPrimitiveType(PrimitiveTypeCode typeCode) => new(typeCode.ToString(), typeCode is PrimitiveTypeCode.String or PrimitiveTypeCode.Object);

    public TypeText GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => new(NameOf(reader, handle), IsClass(rawTypeKind));

    public TypeText GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => new(NameOf(reader, handle), IsClass(rawTypeKind));

    public TypeText GetTypeFromSpecification(MetadataReader reader, GenericNames genericContext, TypeSpecificationHandle handle, byte rawTypeKind) =>
        reader.GetTypeSpecification(handle).DecodeSignature(this, genericContext);

    public TypeText GetSZArrayType(TypeText elementType) => new(elementType.Name + "[]", true);

    public TypeText GetArrayType(TypeText elementType, ArrayShape shape) => new($"{elementType.Name}[{new string(',', shape.Rank - 1)}]", true);

    public TypeText GetByReferenceType(TypeText elementType) => elementType with { Name = elementType.Name + "&" };

    public TypeText GetPointerType(TypeText elementType) => elementType with { Name = elementType.Name + "*" };

    public TypeText GetPinnedType(TypeText elementType) => elementType;

    public TypeText GetFunctionPointerType(MethodSignature<TypeText> signature) => new("function pointer", false);

    public TypeText GetModifiedType(TypeText modifier, TypeText unmodifiedType, bool isRequired) =>
        unmodifiedType with { Name = $"{unmodifiedType.Name} mod({modifier.Name})" };

    public TypeText GetGenericInstantiation(TypeText genericType, ImmutableArray<TypeText> typeArguments) => new(
        $"{genericType.Name}<{string.Join(", ", typeArguments.Select(a => a.Name))}>", genericType.HoldsReferences || typeArguments.Any(a => a.HoldsReferences));

    public TypeText GetGenericTypeParameter(GenericNames genericContext, int index) => new(genericContext.Type[index], true);

    public TypeText GetGenericMethodParameter(GenericNames genericContext, int index) => new(genericContext.Method[index], true);

    public TypeText GetSystemType() => new("System.Type", true);

    public TypeText GetTypeFromSerializedName(string name) => new(name.Split(',')[0].Replace('+', '.'), false);

    public PrimitiveTypeCode GetUnderlyingEnumType(TypeText type) => PrimitiveTypeCode.Int32;

    public bool IsSystemType(TypeText type) => type.Name == "System.Type";

    public static string NameOf(MetadataReader reader, EntityHandle handle) => handle.Kind switch
    {
        HandleKind.TypeDefinition => NameOf(reader, (TypeDefinitionHandle)handle),
        HandleKind.TypeReference => NameOf(reader, (TypeReferenceHandle)handle),
        _ => throw new ArgumentException($"{handle.Kind} has no name.", nameof(handle)),
    };

    public static string NameOf(MetadataReader reader, TypeDefinitionHandle handle)
    {
        var type = reader.GetTypeDefinition(handle);
        var name = reader.GetString(type.Name);
        if (!type.GetDeclaringType().IsNil)
            return $"{NameOf(reader, type.GetDeclaringType())}.{name}";
        return type.Namespace.IsNil ? name : $"{reader.GetString(type.Namespace)}.{name}";
    }

    private static string NameOf(MetadataReader reader, TypeReferenceHandle handle)
    {
        var type = reader.GetTypeReference(handle);
        var name = reader.GetString(type.Name);
        if (type.ResolutionScope.Kind == HandleKind.TypeReference)
            return $"{NameOf(reader, (TypeReferenceHandle)type.ResolutionScope)}.{name}";
        return type.Namespace.IsNil ? name : $"{reader.GetString(type.Namespace)}.{name}";
    }

    private static bool IsClass(byte rawTypeKind) => (SignatureTypeKind)rawTypeKind == SignatureTypeKind.Class;
}
