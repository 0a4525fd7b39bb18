using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace Orleans.Serialization;

/// <summary>Copiers of types that are copied member by member, written as code once a type.</summary>
internal static class MemberCopiers
{
    private const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    public delegate void CopyFields<T>(ref T source, ref T target, CopyContext context);

    public static TypeCopier Make(Type type, IReadOnlyList<MemberInfo> members) =>
        (TypeCopier)Activator.CreateInstance(
            (type.IsValueType ? typeof(StructCopier<>) : typeof(ClassCopier<>)).MakeGenericType(type), Write(type, members))!;

    public static IReadOnlyList<MemberInfo> AllFields(Type type) => type.GetFields(Declared);

    /// <summary>Fields and properties that have an <see cref="IdAttribute"/>, those of base classes too; a property with storage of its own as its field.</summary>
    public static IReadOnlyList<MemberInfo> NumberedMembers(Type type)
    {
        var members = new List<MemberInfo>();
        for (var level = type; level is not null && level != typeof(object) && level != typeof(ValueType); level = level.BaseType)
        {
            members.AddRange(level.GetFields(Declared).Where(IsNumbered));
            foreach (var property in level.GetProperties(Declared).Where(p => p.GetIndexParameters().Length == 0))
            {
                var field = BackingField(property);
                if (IsNumbered(property))
                    members.Add(field ?? (MemberInfo)property);
                else if (field is not null && TakesAllPublicProperties(level) && property.GetMethod is { IsPublic: true })
                    members.Add(field);
            }
        }

        return members;
    }

    public static FieldInfo? BackingField(PropertyInfo property) => property.DeclaringType!.GetField($"<{property.Name}>k__BackingField", Declared);

    public static bool IsNumbered(MemberInfo member) => member.IsDefined(typeof(IdAttribute), false);

    public static bool TakesAllPublicProperties(Type type) =>
        type.GetCustomAttribute<GenerateSerializerAttribute>(false)?.GenerateFieldIds == GenerateFieldIds.PublicProperties;

    private static Delegate Write(Type type, IReadOnlyList<MemberInfo> members)
    {
        var byRef = type.MakeByRefType();
        var method = new DynamicMethod($"Copy{type.Name}", null, [byRef, byRef, typeof(CopyContext)], type.Module, skipVisibility: true);
        var il = method.GetILGenerator();
        foreach (var member in members)
        {
            var memberType = member is FieldInfo f ? f.FieldType : ((PropertyInfo)member).PropertyType;
            LoadInstance(OpCodes.Ldarg_1);
            LoadInstance(OpCodes.Ldarg_0);
            if (member is FieldInfo field)
                il.Emit(OpCodes.Ldfld, field);
            else
                il.Emit(OpCodes.Callvirt, ((PropertyInfo)member).GetMethod ?? throw Unreadable(member));
            if (!IsPassedAsIs(member, memberType))
            {
                il.Emit(OpCodes.Ldarg_2);
                il.Emit(OpCodes.Call, typeof(Copier<>).MakeGenericType(memberType).GetMethod(nameof(Copier<int>.Copy), [memberType, typeof(CopyContext)])!);
            }

            if (member is FieldInfo target)
                il.Emit(OpCodes.Stfld, target);
            else
                il.Emit(OpCodes.Callvirt, ((PropertyInfo)member).SetMethod ?? throw Unreadable(member));
        }

        il.Emit(OpCodes.Ret);
        return method.CreateDelegate(typeof(CopyFields<>).MakeGenericType(type));

        void LoadInstance(OpCode argument)
        {
            il.Emit(argument);
            if (!type.IsValueType)
                il.Emit(OpCodes.Ldind_Ref);
        }
    }

    private static bool IsPassedAsIs(MemberInfo member, Type memberType) =>
        Copiers.IsShallow(memberType) || member.IsDefined(typeof(ImmutableAttribute), false) || PropertyOf(member)?.IsDefined(typeof(ImmutableAttribute), false) == true;

    private static PropertyInfo? PropertyOf(MemberInfo member) =>
        member is FieldInfo && member.IsDefined(typeof(CompilerGeneratedAttribute), false) && member.Name.StartsWith('<')
            ? member.DeclaringType!.GetProperty(member.Name[1..member.Name.IndexOf('>', StringComparison.Ordinal)], Declared)
            : null;

    private static InvalidOperationException Unreadable(MemberInfo member) =>
        new($"{member.DeclaringType}.{member.Name} has an [Id], so it must be readable and writable.");

    /// <summary>A class: made by its parameterless constructor where it has one, else without any.</summary>
    private sealed class ClassCopier<T>(CopyFields<T> copyFields) : TypeCopier<T>
        where T : class
    {
        private static readonly ConstructorInfo? s_constructor = typeof(T).GetConstructor(Declared, []);

        public override T Copy(T value, CopyContext context)
        {
            if (context.TryGet(value, out var copy))
                return copy;
            copy = s_constructor is null ? (T)RuntimeHelpers.GetUninitializedObject(typeof(T)) : (T)s_constructor.Invoke(null);
            context.Record(value, copy);
            copyFields(ref value, ref copy, context);
            return copy;
        }
    }

    private sealed class StructCopier<T>(CopyFields<T> copyFields) : TypeCopier<T>
        where T : struct
    {
        public override T Copy(T value, CopyContext context)
        {
            var copy = default(T);
            copyFields(ref value, ref copy, context);
            return copy;
        }
    }
}
